"""People of one tenant: roles, suspension, budgets, keys, sessions. For administrators; auditors read.

Whoever is not of the caller's tenant does not exist (404). What is taken away ends at once, on every carrier and in
open streams too (`chatbot/gateway/serving/standing.py`).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from chatbot.core.errors import Forbidden, NotFound
from chatbot.core.principal import Principal, Role
from chatbot.database.administration import (
    change_person,
    has_person,
    keys_of,
    list_people,
    lock_people,
    revoke_key_of,
)
from chatbot.gateway.dependencies import Using, Who
from chatbot.gateway.labels import Shown
from chatbot.gateway.routes.account.keys import KeyEntry
from chatbot.limits.budgets import Scope
from chatbot.limits.usage import keep_own_month
from chatbot.monitoring.refusals import note_refusal
from chatbot.wiring import Parts

router = APIRouter(prefix="/api/v1/admin/people")
_MOST_PEOPLE = 1000
_MOST_TOKENS = 10**12
_NOBODY = "There is no such person."


class PersonEntry(BaseModel):
    """A person in the list. `role` counts; `provider_role` is what the identity provider's groups give."""

    id: UUID
    name: Shown
    role: Role
    provider_role: Role
    granted: bool
    suspended_at: datetime | None
    signed_in_at: datetime
    monthly_tokens: int | None
    keys: int
    own: bool


class NewRole(BaseModel):
    """The role that counts from now on; null for the one that the identity provider's groups give."""

    model_config = ConfigDict(extra="forbid")
    role: Literal["member", "admin", "auditor"] | None


class OwnBudget(BaseModel):
    """Tokens for each month; null for what everybody has."""

    model_config = ConfigDict(extra="forbid")
    monthly_tokens: int | None = Field(ge=0, le=_MOST_TOKENS, strict=True)


@router.get("")
async def show_people(who: Who, parts: Using) -> list[PersonEntry]:
    """List the people of the caller's own tenant, by name."""
    async with parts.database.acting_for(who) as connection:
        rows = await list_people(connection, _MOST_PEOPLE)
    return [_entry(dict(row._mapping), who) for row in rows]


@router.patch("/{person}/role", status_code=204)
async def change_role(person: UUID, wanted: NewRole, who: Who, parts: Using) -> Response:
    """Set or take back a role. The person signs in anew: nothing of the earlier role is left open."""
    await _change(parts, who, person, {"granted_role": wanted.role})
    await parts.sessions.close_all(person)
    return Response(status_code=204)


@router.post("/{person}/suspension", status_code=204)
async def suspend(person: UUID, who: Who, parts: Using) -> Response:
    """Shut somebody out: their sessions end, their keys open nothing. Asking again is right after a 503."""
    await _change(parts, who, person, {"suspended_at": datetime.now(UTC)})
    await parts.sessions.close_all(person)
    return Response(status_code=204)


@router.delete("/{person}/suspension", status_code=204)
async def resume(person: UUID, who: Who, parts: Using) -> Response:
    """Let somebody in again: they sign in anew, and keys that were not revoked work again."""
    await _change(parts, who, person, {"suspended_at": None})
    return Response(status_code=204)


@router.patch("/{person}/budget", status_code=204)
async def change_budget(person: UUID, wanted: OwnBudget, who: Who, parts: Using) -> Response:
    """Give a person a token budget of their own for each month, or take it away."""
    await _change(parts, who, person, {"monthly_tokens": wanted.monthly_tokens})
    await keep_own_month(parts.counters, Scope.USER, str(person), wanted.monthly_tokens)
    return Response(status_code=204)


@router.delete("/{person}/sessions", status_code=204)
async def end_sessions(person: UUID, who: Who, parts: Using) -> Response:
    """End every session of a person: they may sign in again."""
    async with parts.database.acting_for(who) as connection:
        if not await has_person(connection, person):
            raise NotFound(_NOBODY)
    await parts.sessions.close_all(person)
    return Response(status_code=204)


@router.get("/{person}/keys")
async def show_keys(person: UUID, who: Who, parts: Using) -> list[KeyEntry]:
    """List a person's keys as they see them themselves; what opens something is nowhere to be read."""
    async with parts.database.acting_for(who) as connection:
        if not await has_person(connection, person):
            raise NotFound(_NOBODY)
        return [KeyEntry.model_validate(dict(row._mapping)) for row in await keys_of(connection, person)]


@router.delete("/{person}/keys/{key}", status_code=204)
async def end_key(person: UUID, key: UUID, who: Who, parts: Using) -> Response:
    """Revoke a person's key."""
    async with parts.database.acting_for(who) as connection:
        # the key and its owner are looked for together: another's key below this person does not exist
        if not await revoke_key_of(connection, person, key):
            raise NotFound("They have no such key, or it was revoked already.")
    return Response(status_code=204)


async def _change(parts: Parts, who: Principal, person: UUID, changed: dict[str, Any]) -> None:
    if person == who.user_id:
        note_refusal("api-authz", "one's own rights")
        raise Forbidden("Nobody changes their own rights. Ask another administrator.")
    async with parts.database.acting_for(who) as connection:
        await lock_people(connection)
        if not await change_person(connection, person, changed):
            raise NotFound(_NOBODY)


def _entry(row: Mapping[str, Any], who: Principal) -> PersonEntry:
    granted = row["granted_role"]
    return PersonEntry.model_validate(
        {
            **{name: row[name] for name in ("id", "name", "suspended_at", "signed_in_at", "monthly_tokens", "keys")},
            "role": granted or row["role"],
            "provider_role": row["role"],
            "granted": granted is not None,
            "own": row["id"] == who.user_id,
        }
    )
