"""The gate at its own seam: nothing passes without a principal but what the public table names (api-auth)."""

import asyncio
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
        assert isinstance(token, str)
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


def test_what_is_no_request_goes_through() -> None:
    """The start and end of the application."""
    inner = Inner()
    behind = Gate(inner, sessions=Sessions(), keys=Keys(), charging=None, limiter=None, public=PUBLIC)
    asyncio.run(behind({"type": "lifespan"}, AsyncMock(), AsyncMock()))
    assert inner.scopes == [{"type": "lifespan"}]


def test_what_is_public_may_be_asked_for_without_its_body() -> None:
    assert call(gate(Inner()), "HEAD", "/sign-in").status == 200


HTML, JSON = [(b"accept", b"text/html,*/*")], [(b"accept", b"application/json"), (b"x", b"text/html")]


@pytest.mark.parametrize(
    ("method", "path", "headers", "location"),
    [("GET", "/documents", HTML, b"/sign-in#/documents"), ("HEAD", "/documents", HTML, b"/sign-in#/documents"),
     ("GET", "/", HTML, b"/sign-in"), ("GET", "/a-b", HTML, b"/sign-in"), ("GET", "/\u00e9t\u00e9", HTML, b"/sign-in"),
     ("POST", "/documents", HTML, b""), ("GET", "/api/v1/session", HTML, b""), ("GET", "/v1/models", HTML, b""),
     ("GET", "/documents", JSON, b""), ("GET", "/documents", [], b"")],
)  # fmt: skip
def test_a_page_leads_to_the_sign_in_page_and_nothing_else_does(
    method: str, path: str, headers: list[tuple[bytes, bytes]], location: bytes
) -> None:
    inner = Inner()
    if not location:
        with pytest.raises(SignInRequired):
            call(gate(inner), method, path, headers)
    else:
        answer = call(gate(inner), method, path, headers)
        assert (answer.status, answer.headers[b"location"], answer.body) == (303, location, b"")
    assert not inner.scopes


class Charges:
    """Charging that notes what it was asked, and has the answer's cost settled once it is known."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.settled = 0
        self.refused = None

    def ask(self, scope: Any, *, reserve: bool) -> bool:
        self.asked.append("reserve" if reserve else "count")
        return reserve

    async def charge(self, scope: Any, asked: Any, find: Any) -> Admission | None:
        scope["spending"] = self
        admission: Admission | None = await Sessions().find(find.args[0])
        return admission

    async def charge_program(self, scope: Any, admission: Admission) -> None:
        self.asked.append(admission.credential)
        scope["spending"] = self

    async def settle(self) -> None:
        self.settled += 1


class SessionsOfPages(Sessions):
    """The same, and the token of its page is known."""

    def is_csrf_token(self, token: str, claimed: str) -> bool:
        return claimed == "page"

    async def find_and_charge(self, token: str, asked: bytes) -> Any:
        raise AssertionError("charging asks")


TURN, COMPLETION = f"/api/v1/conversations/{UUID(int=9)}/turns", "/v1/chat/completions"
PAGE = [(b"x-csrf-token", b"page")]


@pytest.mark.parametrize("error", [None, RuntimeError("x")])
@pytest.mark.parametrize(
    ("method", "path", "headers", "asked"),
    [("POST", TURN, cookie("genuine") + PAGE, ["reserve"]), ("POST", TURN, cookie("genuine"), ["count"]),
     ("GET", TURN, cookie("genuine"), []), ("GET", "/api/v1/session", cookie("genuine") + PAGE, []),
     ("POST", COMPLETION, bearer("genuine-key"), ["k"]), ("GET", "/v1/models", bearer("genuine-key"), [])],
)  # fmt: skip
def test_an_answer_is_charged_at_the_gate_and_settled_whatever_came_of_it(
    method: str, path: str, headers: list[tuple[bytes, bytes]], asked: list[str], error: Exception | None
) -> None:
    charges, inner = Charges(), Inner(error=error)
    behind = Gate(
        inner,
        sessions=SessionsOfPages(),
        keys=Keys(),
        charging=charges,
        limiter=AsyncMock(),
        public=PUBLIC,
    )
    whole = Arrival(behind, actions=ActionTable(), proxies=(), cookies=NAMES)
    if error is None:
        assert call(whole, method, path, headers).status == 200
    else:
        with pytest.raises(RuntimeError):
            call(whole, method, path, headers)
    assert (charges.asked, charges.settled, len(inner.scopes)) == (asked, bool(asked), 1)
