"""Server-side sessions at the store's own seam, against the real Valkey (web-session)."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from redis.asyncio import Redis

from chatbot.core.errors import Unavailable
from chatbot.core.principal import Principal, Role
from chatbot.identity.sessions import SessionStore
from development.stack import Stack

ALICE = Principal(UUID(int=1), UUID(int=2), Role.MEMBER, "alice")
KEY = b"k" * 32


@pytest.fixture
def attempt(stack: Stack) -> Callable[..., Any]:
    """Return a function that runs an action on a session store connected as the gateway."""

    def run(action: Callable[[SessionStore, Any], Awaitable[Any]], idle: int = 60, absolute: int = 600) -> Any:
        async def inside() -> Any:
            valkey: Any = Redis(
                unix_socket_path=str(stack.state.socket),
                username="gateway",
                password=stack.secrets["valkey_gateway_password"],
            )
            try:
                return await action(SessionStore(valkey, KEY, idle_seconds=idle, absolute_seconds=absolute), valkey)
            finally:
                await valkey.aclose()

        return asyncio.run(inside())

    return run


def name(token: str) -> str:
    return "session:" + hashlib.sha256(token.encode()).hexdigest()


def test_a_session_opens_finds_and_closes(attempt: Callable[..., Any]) -> None:
    async def action(sessions: SessionStore, _valkey: Any) -> None:
        token = await sessions.open(ALICE)
        assert (await sessions.find(token)).principal == ALICE
        await sessions.close(token)
        assert await sessions.find(token) is None

    attempt(action)


def test_every_session_has_a_new_unguessable_name(attempt: Callable[..., Any]) -> None:
    async def action(sessions: SessionStore, _valkey: Any) -> None:
        tokens = {await sessions.open(ALICE) for _ in range(20)}
        assert len(tokens) == 20
        assert {len(token) for token in tokens} == {43}  # 256 bits
        for token in tokens:
            await sessions.close(token)

    attempt(action)


@pytest.mark.parametrize("token", ["", "made-up", "A" * 43, "*", "session:x", "\0"])
def test_a_made_up_token_finds_nothing(attempt: Callable[..., Any], token: str) -> None:
    async def action(sessions: SessionStore, _valkey: Any) -> None:
        assert await sessions.find(token) is None

    attempt(action)


def test_a_session_ends_when_idle_and_at_its_absolute_end(attempt: Callable[..., Any], stack: Stack) -> None:
    async def action(sessions: SessionStore, valkey: Any) -> None:
        token = await sessions.open(ALICE)
        with stack.state.connect() as everything:
            assert 0 < everything.ttl(name(token)) <= 60
            everything.hset(name(token), "end", int(time.time()) + 5)
            await sessions.find(token)
            assert 0 < everything.ttl(name(token)) <= 5, "use prolongs a session up to its absolute end only"
            everything.hset(name(token), "end", int(time.time()))
        assert await sessions.find(token) is None

    attempt(action)


def test_valkey_never_holds_what_the_cookie_holds(attempt: Callable[..., Any], stack: Stack) -> None:
    async def action(sessions: SessionStore, valkey: Any) -> None:
        token = await sessions.open(ALICE)
        with stack.state.connect() as everything:
            kept = [*everything.keys("*"), everything.hgetall(name(token))]
        assert token not in str(kept)
        await sessions.close(token)

    attempt(action)


def test_the_token_of_the_page_belongs_to_one_session_and_one_key() -> None:
    sessions = SessionStore(None, KEY, idle_seconds=1, absolute_seconds=1)
    other = SessionStore(None, b"o" * 32, idle_seconds=1, absolute_seconds=1)
    token = sessions.csrf_token("a")
    assert sessions.is_csrf_token("a", token)
    assert not sessions.is_csrf_token("b", token)
    assert not other.is_csrf_token("a", token)


def test_without_valkey_nobody_is_signed_in(tmp_path: Any) -> None:
    async def action() -> None:
        valkey: Any = Redis(unix_socket_path=str(tmp_path / "none"))
        sessions = SessionStore(valkey, KEY, idle_seconds=1, absolute_seconds=1)
        with pytest.raises(Unavailable):
            await sessions.find("x")
        await valkey.aclose()

    asyncio.run(action())
