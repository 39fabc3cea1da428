"""The gate at its own seam: nothing passes without a principal but what the public table names (api-auth)."""

from typing import Any
from uuid import UUID

import pytest

from chatbot.core.errors import SignInRequired
from chatbot.core.principal import Principal, Role
from chatbot.gateway.cookies import CookieNames
from chatbot.gateway.middleware.gate import Gate
from chatbot.gateway.public import PUBLIC
from tests.doubles.asgi import Inner, call

NAMES = CookieNames.of("x")
ALICE = Principal(UUID(int=1), UUID(int=2), Role.MEMBER, "alice")


class Sessions:
    """A session store with one session."""

    async def find(self, token: str) -> Principal | None:
        return ALICE if token == "genuine" else None


def gate(inner: Inner) -> Any:
    return Gate(inner, sessions=Sessions(), cookies=NAMES, public=PUBLIC)


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
