"""What the identity provider withdraws ends here, in every tenant, at the next verified sign-in (acc-identity, api-audit)."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from chatbot.config.loading import load_settings
from chatbot.core.principal import Principal, Role
from chatbot.database.calls.audit import list_events
from chatbot.database.calls.keys import keep_key
from chatbot.gateway.routes.account.auth import let_in
from chatbot.identity.keys import KeyScope, new_key
from chatbot.identity.people import NotAdmitted, tenant_id, user_id
from chatbot.identity.sessions import Origin
from chatbot.wiring import Parts, build_gateway
from development.stack import Stack

ISSUER = "https://identity.example"
MOVES = {
    "no group": [], "a group that is not listed": ["elsewhere"], "no claim": None, "another tenant": ["globex-members"],
    "the same": ["acme-members"], "more rights": ["acme-admins"],
}  # fmt: skip


def inside(stack: Stack, action: Callable[[Parts], Awaitable[None]]) -> None:
    async def run() -> None:
        parts = build_gateway(load_settings(stack.environment("gateway")))
        await parts.open()
        try:
            await action(parts)
        finally:
            await parts.close()

    asyncio.run(run())


def claims(subject: str, groups: Any) -> dict[str, Any]:
    told = {"iss": ISSUER, "sub": subject, "auth_time": int(time.time()), "name": "Moved"}
    return told if groups is None else told | {"groups": groups}


def scope() -> dict[str, Any]:
    return {"request_id": uuid4().hex[:16], "client_address": "192.0.2.7"}


def can_use(stack: Stack, key: str) -> bool:
    answer = httpx2.get(f"{stack.url}/v1/models", headers={"authorization": f"Bearer {key}"}, trust_env=False)
    assert answer.status_code in (200, 401)
    return answer.status_code == 200


@pytest.mark.parametrize("move", MOVES)
def test_sessions_and_keys_end_with_the_group_that_gave_them(stack: Stack, move: str) -> None:
    subject, key = str(uuid4()), new_key()
    who = Principal(tenant_id("acme"), user_id("acme", ISSUER, subject), Role.MEMBER, "Moved")
    stays = move in ("the same", "more rights")

    async def action(parts: Parts) -> None:
        token = await let_in(parts, scope(), claims(subject, ["acme-members"]), Origin())
        async with parts.database.acting_for(who) as connection:
            await keep_key(connection, who, key, {"name": "k", "scopes": sorted(KeyScope)}, timedelta(days=1))
        assert can_use(stack, key) and await parts.sessions.find(token)
        if "tenant" in move or stays:
            again = await let_in(parts, scope(), claims(subject, MOVES[move]), Origin())
            assert await parts.sessions.find(again)
        else:
            with pytest.raises(NotAdmitted):
                await let_in(parts, scope(), claims(subject, MOVES[move]), Origin())
        assert can_use(stack, key) == stays
        # other rights are another session
        assert (await parts.sessions.find(token) is not None) == (move == "the same")
        await let_in(parts, scope(), claims(subject, ["acme-members"]), Origin())
        assert can_use(stack, key), "whoever is let in again has their keys again"

    inside(stack, action)


def test_every_sign_in_and_every_refusal_of_a_known_person_is_in_the_trail(stack: Stack) -> None:
    subject = str(uuid4())
    who = Principal(tenant_id("acme"), user_id("acme", ISSUER, subject), Role.MEMBER, "Moved")
    seen: list[tuple[str, int, str]] = []

    async def action(parts: Parts) -> None:
        for groups in (["acme-members"], [], ["elsewhere"], ["acme-members"]):
            with suppress(NotAdmitted):
                await let_in(parts, scope(), claims(subject, groups), Origin())
        await parts.trail.flush()
        async with parts.database.acting_for(who) as connection:
            rows = await list_events(connection, 10, user=who.user_id)
        seen.extend((row.action, row.status, row.address) for row in reversed(rows))

    inside(stack, action)
    # the second refusal finds nothing left to end: the person was nobody's by then
    assert seen == [("sign in", 303, "192.0.2.7"), ("sign in", 403, "192.0.2.7"), ("sign in", 303, "192.0.2.7")]
