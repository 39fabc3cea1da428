"""Server-side sessions at the store's own seam, against the real Valkey (web-session)."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis

from chatbot.core.errors import Unavailable
from chatbot.core.principal import Principal, Role
from chatbot.identity.sessions import Origin, SessionStore, digest_token, public_id
from development.stack import Stack
from tests.doubles.kept_sessions import rewrite_session

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
            await sessions.find(token)
            assert 0 < everything.ttl(name(token)) <= 60, "use prolongs a session by its idle time, not to its end"
            rewrite_session(stack, name(token), key=KEY, end=int(time.time()) + 5)
            await sessions.find(token)
            assert 0 < everything.ttl(name(token)) <= 5, "use prolongs a session up to its absolute end only"
            rewrite_session(stack, name(token), key=KEY, end=int(time.time()))
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


FORGERIES = {
    field: [value, b"", b"\xff"]
    for field, value in {
        "tenant": b"00000000-0000-4000-8000-000000000001", "user": b"00000000-0000-4000-8000-000000000002", "role": b"admin",
        "name": b"Mallory", "authenticated": b"2000000000", "begun": b"1", "end": b"9999999999", "provider": b"x", "mac": b"A" * 44,
    }.items()
}  # fmt: skip


@pytest.mark.parametrize(("field", "value"), [(field, value) for field in FORGERIES for value in FORGERIES[field]])
def test_a_session_that_was_changed_in_valkey_is_none(
    attempt: Callable[..., Any], stack: Stack, field: str, value: bytes
) -> None:
    async def action(sessions: SessionStore, _valkey: Any) -> None:
        for look in (sessions.find, sessions.is_open, lambda _: sessions.show_all(ALICE.user_id)):
            token = await sessions.open(ALICE, origin=Origin(provider_session="p"))
            with stack.state.connect() as everything:
                if value == b"" and field == "mac":
                    everything.hdel(name(token), "mac")
                else:
                    everything.hset(name(token), field, value)
                assert not await look(token)
                if (field, value) != ("end", b""):  # which is none that the script could have taken for a session
                    assert not everything.exists(name(token)), "it is kept"

    attempt(action)


@pytest.mark.parametrize("end", ["", "abc", "1e400", "nan", "0x7fffffff", "-1"])
@pytest.mark.parametrize("role", ["root", "", "admin"])
def test_a_session_of_any_form_is_none_and_no_fault(
    attempt: Callable[..., Any], stack: Stack, end: str, role: str
) -> None:
    async def action(sessions: SessionStore, _valkey: Any) -> None:
        values = {"tenant": "t", "user": "u", "role": role, "name": "n", "authenticated": "x", "begun": "1", "end": end}
        with stack.state.connect() as everything:
            everything.hset(name("token"), mapping=values)
            assert await sessions.find("token") is None
            assert not everything.exists(name("token"))
            everything.lpush(name("token"), "not even a hash")
            assert await sessions.find("token") is None
            assert not everything.exists(name("token"))

    attempt(action)


def test_a_session_of_another_name_is_none(attempt: Callable[..., Any], stack: Stack) -> None:
    """A genuine session, copied under the digest of a token that the thief knows."""

    async def action(sessions: SessionStore, _valkey: Any) -> None:
        token = await sessions.open(ALICE)
        with stack.state.connect() as everything:
            everything.hset(name("known"), mapping=everything.hgetall(name(token)))
        assert await sessions.find("known") is None
        assert (await sessions.find(token)).principal == ALICE
        await sessions.close(token)

    attempt(action)


def test_the_provider_s_end_ends_its_sessions_in_every_tenant(attempt: Callable[..., Any], stack: Stack) -> None:
    async def action(sessions: SessionStore, _valkey: Any) -> None:
        elsewhere = replace(ALICE, user_id=uuid4())
        theirs = [await sessions.open(who, origin=Origin(provider_session="p1")) for who in (ALICE, elsewhere, ALICE)]
        another = await sessions.open(ALICE, origin=Origin(provider_session="p2"))
        assert await sessions.close_provider_session("p1") == {ALICE.user_id, elsewhere.user_id}
        assert [await sessions.find(token) for token in theirs] == [None] * 3
        assert await sessions.find(another) is not None
        assert await sessions.close_provider_session("p1") == set()
        await sessions.close(another)

    attempt(action)


def somebody() -> Principal:
    return replace(ALICE, user_id=uuid4())


def test_one_s_sessions_are_shown_and_ended_as_was_asked(attempt: Callable[..., Any], stack: Stack) -> None:
    async def action(sessions: SessionStore, _valkey: Any) -> None:
        who = somebody()
        _, second, _ = tokens = [await sessions.open(who) for _ in range(3)]
        ids = [public_id(digest_token(token)) for token in tokens]
        assert {each.id for each in await sessions.show_all(who.user_id)} == set(ids)
        for user, session in ((who.user_id, "0" * 16), (uuid4(), ids[0])):
            assert not await sessions.close_one(user, session)
        assert [await sessions.is_open(token) for token in tokens] == [True] * 3
        assert await sessions.close_one(who.user_id, ids[0])
        assert [await sessions.is_open(token) for token in tokens] == [False, True, True]
        assert {each.id for each in await sessions.show_all(who.user_id)} == set(ids[1:])
        assert len(await sessions.list_open(who.user_id)) == 2
        assert await sessions.close_all(who.user_id, but=ids[1]) == 1
        assert [await sessions.is_open(token) for token in tokens] == [False, True, False]
        assert await sessions.close_all(uuid4()) == 0
        with stack.state.connect() as everything:
            rewrite_session(stack, name(second), key=KEY, end=int(time.time()))
            assert not await sessions.is_open(second)
            assert await sessions.show_all(who.user_id) == []
            everything.delete(name(second))  # it was idle too long
        assert await sessions.show_all(who.user_id) == []
        assert not await sessions.close_one(who.user_id, ids[1])

    attempt(action)


def test_a_change_of_role_ends_what_began_before_it(attempt: Callable[..., Any]) -> None:
    async def action(sessions: SessionStore, _valkey: Any) -> None:
        who = somebody()
        before, other = await sessions.open(who), await sessions.open(somebody())
        now = await sessions.open(replace(who, role=Role.ADMIN))
        await sessions.close_former(replace(who, role=Role.ADMIN))
        assert [await sessions.is_open(token) for token in (before, other, now)] == [False, True, True]

    attempt(action)


def test_a_session_says_when_its_person_proved_who_they_are(attempt: Callable[..., Any], stack: Stack) -> None:
    async def action(sessions: SessionStore, _valkey: Any) -> None:
        earlier, now = await sessions.open(somebody(), authenticated_at=5), await sessions.open(somebody())
        assert (await sessions.find(earlier)).authenticated_at == 5
        assert abs((await sessions.find(now)).authenticated_at - time.time()) < 60
        with stack.state.connect() as everything:
            assert everything.hget(name(now), "provider") == b""
        # asked together with what is counted: one round trip, one verdict
        admission, verdict = await sessions.find_and_charge(now, b'{"rates": []}')
        assert admission is not None and verdict["verdict"] == "ok"
        assert await sessions.find_and_charge(now, b"") == (admission, {})

    attempt(action)


def test_a_session_that_is_over_is_no_forgery(attempt: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Else every idle browser would look like an attack in the counts of refusals."""
    monkeypatch.setattr("chatbot.identity.sessions.note_refusal", lambda *_: pytest.fail("a refusal was counted"))

    async def action(sessions: SessionStore, valkey: Any) -> None:
        who = somebody()
        token = await sessions.open(who)
        await valkey.delete(name(token))
        assert await sessions.find(token) is None
        assert not await sessions.is_open(token)
        assert await sessions.show_all(who.user_id) == []

    attempt(action)
