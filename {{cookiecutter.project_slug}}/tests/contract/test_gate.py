"""The gate at its own seam: nothing passes without a principal but what the public table names (api-auth)."""

from typing import Any
from unittest.mock import AsyncMock
from uuid import UUID

import pytest

from chatbot.core.errors import Problem, SignInRequired
from chatbot.core.principal import Principal, Role
from chatbot.gateway.access.actions import ActionTable
from chatbot.gateway.access.arrival import Arrival
from chatbot.gateway.cookies import CookieNames
from chatbot.gateway.middleware.gate import Gate
from chatbot.gateway.public import PUBLIC
from chatbot.identity.admission import Admission, Carrier
from chatbot.identity.keys import KeyScope
from tests.doubles.asgi import Inner, call

NAMES = CookieNames.of("x")
ALICE = Principal(UUID(int=1), UUID(int=2), Role.MEMBER, "alice")
BOB = Principal(UUID(int=1), UUID(int=3), Role.MEMBER, "bob")


class Sessions:
    """A session store with one session."""

    async def find(self, token: str) -> Admission | None:
        return Admission(ALICE, Carrier.SESSION, "s") if token == "genuine" else None


class Keys:
    """A key store with one key, for chatting only."""

    async def find(self, text: str, address: str) -> Admission | None:
        return Admission(BOB, Carrier.KEY, "k", frozenset({KeyScope.CHAT})) if text == "genuine-key" else None

    async def find_by_certificate(self, certificate: bytes) -> Admission | None:
        genuine = Admission(BOB, Carrier.CERTIFICATE, "c", frozenset({KeyScope.CHAT}))
        return genuine if certificate == b"genuine" else None


def gate(inner: Inner) -> Any:
    unlimited = AsyncMock(refused=None)
    behind = Gate(inner, sessions=Sessions(), keys=Keys(), charging=unlimited, limiter=unlimited, public=PUBLIC)
    return Arrival(behind, actions=ActionTable(), proxies=(), cookies=NAMES)


def bearer(value: str, kind: str = "Bearer") -> list[tuple[bytes, bytes]]:
    return [(b"authorization", f"{kind} {value}".encode())]


def cookie(value: str) -> list[tuple[bytes, bytes]]:
    return [(b"cookie", f"{NAMES.session}={value}".encode())]


PATHS = [
    "/",
    "/api/v1/session",
    "/nowhere",
    "/sign-in/",
    "/SIGN-IN",
    "/sign-in;x",
    "/sign-in/..",
    "//sign-in",
    "",
    "/healthz/x",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("given", [[], cookie("made-up"), cookie(""), cookie("genuine") + cookie("made-up")], ids=len)
def test_without_a_session_nothing_is_reached(path: str, method: str, given: list[tuple[bytes, bytes]]) -> None:
    inner = Inner()
    with pytest.raises(SignInRequired):
        call(gate(inner), method, path, given)
    assert not inner.scopes


def test_with_a_session_the_route_is_told_who_asks() -> None:
    inner = Inner()
    assert call(gate(inner), path="/api/v1/session", headers=cookie("genuine")).status == 200
    assert inner.scopes[0]["principal"] == ALICE


@pytest.mark.parametrize(("method", "path"), sorted(PUBLIC))
def test_what_is_public_is_public_by_its_method_only(method: str, path: str) -> None:
    assert call(gate(Inner()), method, path).status == 200
    with pytest.raises(SignInRequired):
        call(gate(Inner()), "DELETE", path)


def test_a_public_route_is_told_of_no_principal_even_with_a_session() -> None:
    inner = Inner()
    call(gate(inner), path="/sign-in", headers=cookie("genuine"))
    assert "principal" not in inner.scopes[0]


@pytest.mark.parametrize("path", ["/v1/models", "/v1", "/nowhere", "/api/v1/documents"])
@pytest.mark.parametrize(
    "given",
    [bearer("made-up"), bearer(""), bearer("genuine-key", "Basic"), bearer("genuine-key "), bearer(" genuine-key")],
    ids=str,
)
def test_no_other_credential_is_a_key(path: str, given: list[tuple[bytes, bytes]]) -> None:
    inner = Inner()
    with pytest.raises(SignInRequired):
        call(gate(inner), path=path, headers=given)
    assert not inner.scopes


@pytest.mark.parametrize(
    "given",
    [bearer("genuine-key") + cookie("genuine"), bearer("genuine-key") + cookie("made-up"),
     bearer("made-up") + cookie("genuine"), bearer("genuine-key") * 2, bearer("genuine-key") + bearer("made-up")],
    ids=len,
)  # fmt: skip
def test_two_credentials_are_none(given: list[tuple[bytes, bytes]]) -> None:
    inner = Inner()
    with pytest.raises(Problem, match="one credential"):
        call(gate(inner), path="/v1/models", headers=given)
    assert not inner.scopes


def test_with_a_key_the_route_is_told_who_asks_and_how_far_they_reach() -> None:
    inner = Inner()
    assert call(gate(inner), path="/v1/models", headers=bearer("genuine-key")).status == 200
    assert inner.scopes[0]["principal"] == BOB
    assert inner.scopes[0]["admission"].scopes == {KeyScope.CHAT}
    assert "session_token" not in inner.scopes[0]


@pytest.mark.parametrize("path", [*PATHS, *sorted(path for _, path in PUBLIC)])
@pytest.mark.parametrize("certificate", [b"", b"made up"])
def test_at_the_services_port_nothing_is_public(path: str, certificate: bytes) -> None:
    inner = Inner()
    with pytest.raises(SignInRequired):
        call(gate(inner), "GET", path, peer_chain=certificate)
    assert inner.scopes == []


@pytest.mark.parametrize("given", [bearer("genuine-key"), cookie("genuine"), bearer("made up")], ids=str)
def test_a_certificate_and_another_credential_are_none(given: list[tuple[bytes, bytes]]) -> None:
    inner = Inner()
    with pytest.raises(Problem) as refused:
        call(gate(inner), "GET", "/v1/models", given, peer_chain=b"genuine")
    assert (refused.value.status, inner.scopes) == (400, [])


def test_with_a_certificate_the_route_is_told_who_asks() -> None:
    inner = Inner()
    assert call(gate(inner), "GET", "/v1/models", peer_chain=b"genuine").status == 200
    assert inner.scopes[0]["admission"].carrier is Carrier.CERTIFICATE
    assert "session_token" not in inner.scopes[0]
