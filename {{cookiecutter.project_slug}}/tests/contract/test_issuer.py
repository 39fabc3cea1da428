"""What the issuer is asked, how often, and what happens when it answers badly or not at all (acc-identity)."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from joserfc import jwk

from chatbot.config.settings import IdentitySettings, Service
from chatbot.core.errors import Unavailable
from chatbot.core.principal import Role
from chatbot.identity.tokens.access import AccessTokens, Machine
from chatbot.identity.tokens.issuer import Issuer
from chatbot.identity.tokens.revocation import Revocation
from tests.doubles.forger import Forger
from tests.doubles.provider import ScriptedProvider, send


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def new_key(name: str) -> Any:
    return jwk.generate_key("EC", "P-256", parameters={"kid": name, "use": "sig", "alg": "ES256"})


OLD, NEW = new_key("old"), new_key("new")


@pytest.fixture
def provider() -> Iterator[ScriptedProvider]:
    made = ScriptedProvider()
    made.keys = [OLD.as_dict(private=False)]
    yield made
    made.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def settings(provider: ScriptedProvider, **changed: Any) -> IdentitySettings:
    return IdentitySettings(
        issuer=provider.issuer,
        client_id="chatbot",
        groups={"g": ("acme", Role.MEMBER)},
        services={"reports": Service(tenant="acme", scopes=("chat",), name="Reports")},
        **changed,
    )


@pytest.fixture
def issuer(provider: ScriptedProvider, clock: Clock) -> Issuer:
    return Issuer(settings(provider), "s" * 16, clock)


@pytest.fixture
def tokens(provider: ScriptedProvider, issuer: Issuer, clock: Clock) -> AccessTokens:
    return AccessTokens(settings(provider), "https://chat.acme.net", issuer, Revocation(issuer, clock))


def forger(provider: ScriptedProvider) -> Forger:
    now = int(time.time())
    claims = {"iss": provider.issuer, "aud": "https://chat.acme.net", "sub": "reports", "client_id": "reports",
              "iat": now, "exp": now + 600, "jti": "j", "scope": "chat"}  # fmt: skip
    return Forger("at+jwt", claims)


def signed(provider: ScriptedProvider, key: Any = OLD, **changed: Any) -> str:
    return forger(provider).signed(key, header={"kid": key.kid}, **changed)


def run(work: Callable[[], Awaitable[Any]]) -> Any:
    async def begin() -> Any:
        return await work()

    return asyncio.run(begin())


def silent(handler: BaseHTTPRequestHandler) -> None:
    send(handler, {"error": "busy"}, 503)


def test_keys_are_asked_for_once_however_many_want_them(issuer: Issuer, provider: ScriptedProvider) -> None:
    async def many() -> list[Any]:
        return await asyncio.gather(*(issuer.key("old") for _ in range(50)))

    assert all(run(many))
    assert provider.asked == {"/.well-known/openid-configuration": 1, "/jwks": 1}


def test_names_of_keys_that_do_not_exist_hammer_nobody(
    issuer: Issuer, provider: ScriptedProvider, clock: Clock
) -> None:
    async def garbage() -> None:
        for number in range(500):
            assert await issuer.key(f"made-up-{number}") is None
            assert await issuer.key("old") is not None

    run(garbage)
    assert provider.asked["/jwks"] == 2  # once because nothing was known, once to find the first
    for times in (3, 4):
        clock.now += 30
        run(garbage)
        assert provider.asked["/jwks"] == times


def test_a_new_key_is_found_and_a_withdrawn_one_is_forgotten(
    issuer: Issuer, provider: ScriptedProvider, clock: Clock
) -> None:
    assert run(lambda: issuer.key("old"))
    provider.keys = [OLD.as_dict(private=False), NEW.as_dict(private=False)]
    assert run(lambda: issuer.key("new")) and run(lambda: issuer.key("old"))
    provider.keys = [NEW.as_dict(private=False)]
    clock.now += 300
    assert run(lambda: issuer.key("old"))
    clock.now += 1  # nobody asked for an unknown key: the age alone makes it look
    assert run(lambda: issuer.key("old")) is None
    assert run(lambda: issuer.key("new"))


def test_an_issuer_that_is_down_keeps_what_is_young_and_loses_what_is_old(
    issuer: Issuer, provider: ScriptedProvider, clock: Clock
) -> None:
    assert run(lambda: issuer.key("old"))
    provider.behave = silent
    clock.now += 200
    assert run(lambda: issuer.key("old"))
    clock.now += 200
    before = provider.asked.total()
    for _ in range(20):
        with pytest.raises(Unavailable):
            run(lambda: issuer.key("old"))
    assert provider.asked.total() == before + 1
    provider.behave = None
    clock.now += 3
    assert run(lambda: issuer.key("old"))


def find(tokens: AccessTokens, token: str) -> Machine | None:
    found: Machine | None = run(lambda: tokens.find(token))
    return found


def test_a_token_that_was_revoked_opens_nothing_after_five_seconds(
    tokens: AccessTokens, provider: ScriptedProvider, clock: Clock
) -> None:
    token = signed(provider)
    provider.active[token] = {"active": True, "client_id": "reports"}
    assert find(tokens, token) and find(tokens, token)
    assert provider.asked["/introspect"] == 1
    provider.active.clear()
    clock.now += 5
    assert find(tokens, token) is None


def test_two_tokens_that_differ_at_their_end_alone_are_two(
    tokens: AccessTokens, provider: ScriptedProvider, clock: Clock
) -> None:
    """CVE-2026-35030: an entry is found by the digest of the whole token."""
    first, second = signed(provider), signed(provider)
    assert first.rpartition(".")[0] == second.rpartition(".")[0] and first != second
    provider.active[first] = {"active": True}
    assert find(tokens, first)
    assert find(tokens, second) is None


@pytest.mark.parametrize(
    "said",
    [{}, {"active": "true"}, {"active": 1}, {"active": True, "client_id": "other"}, {"active": True, "sub": "alice"},
     {"active": True, "iss": "https://evil.example"}],
    ids=str,
)  # fmt: skip
def test_only_a_plain_yes_about_this_token_is_one(
    tokens: AccessTokens, provider: ScriptedProvider, said: dict[str, Any]
) -> None:
    token = signed(provider)
    provider.active[token] = said
    assert find(tokens, token) is None


def test_the_issuer_is_asked_once_at_a_time_and_never_about_forgeries(
    tokens: AccessTokens, provider: ScriptedProvider
) -> None:
    token = signed(provider)
    provider.active[token] = {"active": True}

    async def many() -> list[Any]:
        return await asyncio.gather(*(tokens.find(token) for _ in range(50)))

    assert all(run(many))
    assert provider.asked["/introspect"] == 1
    for forged in [*forger(provider).forgeries().values(), signed(provider, NEW)]:
        if isinstance(forged, str):
            assert find(tokens, forged) is None
    assert provider.asked["/introspect"] == 1


def test_whoever_leaves_takes_nothing_from_the_others(tokens: AccessTokens, provider: ScriptedProvider) -> None:
    token = signed(provider)
    provider.active[token] = {"active": True}

    async def one_leaves() -> Any:
        leaving = asyncio.create_task(tokens.find(token))
        while not tokens._revocation._asking:
            await asyncio.sleep(0)
        staying = asyncio.create_task(tokens.find(token))
        leaving.cancel()
        return await staying

    assert run(one_leaves)


def test_no_word_about_a_token_is_no_entry(tokens: AccessTokens, provider: ScriptedProvider, clock: Clock) -> None:
    token = signed(provider)
    provider.active[token] = {"active": True}
    assert find(tokens, token)
    provider.behave = silent
    clock.now += 5
    before = provider.asked["/introspect"]
    for _ in range(20):
        with pytest.raises(Unavailable):
            find(tokens, token)
    assert provider.asked["/introspect"] == before + 1  # whoever is down is not asked again at once
    provider.behave = None
    clock.now += 3
    assert find(tokens, token)


def test_the_application_proves_itself_and_the_token_stands_in_no_address(
    tokens: AccessTokens, provider: ScriptedProvider
) -> None:
    token = signed(provider)
    find(tokens, token)
    assert provider.forms == [{"token": [token], "token_type_hint": ["access_token"]}]
    assert provider.authorizations[0].startswith("Basic ")
    assert token not in json.dumps(list(provider.asked))


def test_what_is_remembered_has_an_end(provider: ScriptedProvider, issuer: Issuer, clock: Clock) -> None:
    revocation = Revocation(issuer, clock)
    claims = {"iss": "i", "sub": "s", "client_id": "c"}

    async def yes(_token: str) -> dict[str, Any]:
        return {"active": True}

    issuer.introspect = yes  # type: ignore[method-assign]

    async def many() -> None:
        for number in range(5000):
            assert await revocation.holds(str(number), claims)

    run(many)
    assert len(revocation._known) == 4096


def test_nobody_is_let_in_when_the_issuer_can_no_longer_be_asked(
    tokens: AccessTokens, provider: ScriptedProvider
) -> None:
    provider.more = {"introspection_endpoint": None}
    with pytest.raises(Unavailable):
        find(tokens, signed(provider))
    assert not provider.asked["/introspect"]


def test_introspection_can_be_left_away(provider: ScriptedProvider, issuer: Issuer, clock: Clock) -> None:
    off = settings(provider, introspects=False)
    made = AccessTokens(off, "https://chat.acme.net", issuer, Revocation(issuer, clock))
    assert find(made, signed(provider))
    assert not provider.asked["/introspect"]
