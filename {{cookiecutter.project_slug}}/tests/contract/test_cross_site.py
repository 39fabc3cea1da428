"""Where a request comes from, at the guards' own seam (web-csrf)."""

from typing import Any

import pytest

from chatbot.core.errors import CrossSiteRequest
from chatbot.gateway.middleware.cross_site import CrossSiteGuard, SessionTokenGuard
from chatbot.gateway.middleware.hosts import HostGuard
from tests.doubles.asgi import Inner, call
from tests.house.routes import every_route

OWN = "https://chat.example"
UNSAFE = ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY", "post", ""]


def headers(**named: str) -> list[tuple[bytes, bytes]]:
    return [(name.replace("_", "-").encode(), value.encode()) for name, value in named.items()]


class Tokens:
    """A session store that knows one token for one session."""

    def is_csrf_token(self, token: str, claimed: str) -> bool:
        return (token, claimed) == ("session", "token")


@pytest.mark.parametrize("method", UNSAFE)
@pytest.mark.parametrize(
    "given",
    [
        {}, {"origin": "null"}, {"origin": "https://evil.example"}, {"origin": "https://chat.example:443"},
        {"origin": "http://chat.example"}, {"origin": "https://chat.example/"}, {"origin": "https://chat.example.evil.example"},
        {"origin": "HTTPS://CHAT.EXAMPLE"}, {"origin": ""}, {"origin": OWN, "sec_fetch_site": "same-site"},
        {"origin": OWN, "sec_fetch_site": "cross-site"}, {"origin": OWN, "sec_fetch_site": "none"},
    ],
    ids=str,
)  # fmt: skip
def test_a_change_asked_for_elsewhere_is_refused(method: str, given: dict[str, str]) -> None:
    inner = Inner()
    assert call(CrossSiteGuard(inner, origin=OWN), method, headers=headers(**given)).status == 403
    assert not inner.scopes


@pytest.mark.parametrize("name", ["origin", "sec_fetch_site", "sec_fetch_mode", "sec_fetch_dest"])
def test_a_header_that_comes_twice_is_refused(name: str) -> None:
    twice = headers(origin=OWN, **({name: "same-origin"} if name != "origin" else {})) + headers(
        **{name: "same-origin"}
    )
    assert call(CrossSiteGuard(Inner(), origin=OWN), "POST", headers=twice).status == 403


@pytest.mark.parametrize("given", [{"origin": OWN}, {"origin": OWN, "sec_fetch_site": "same-origin"}])
def test_the_application_s_own_page_may_ask(given: dict[str, str]) -> None:
    assert call(CrossSiteGuard(Inner(), origin=OWN), "POST", headers=headers(**given)).status == 200


@pytest.mark.parametrize(
    "given",
    [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec_fetch_site": "cross-site"},
     {"sec_fetch_site": "same-site"}, {"sec_fetch_site": "none"}, {"sec_fetch_site": "same-origin"}],
    ids=str,
)  # fmt: skip
def test_a_program_is_spared_this_and_a_browser_with_its_credential_is_not(given: dict[str, str]) -> None:
    """A person's browser adds an installed certificate by itself, and says where the page is from."""
    guard = CrossSiteGuard(Inner(), origin=OWN)
    for own, scope in ((headers(authorization="Bearer x"), {}), ([], {"peer_chain": b"x"})):
        assert call(guard, "POST", headers=own, **scope).status == 200
        assert call(guard, "POST", headers=own + headers(**given), **scope).status == 403


@pytest.mark.parametrize("method", [method for method in UNSAFE if method])
@pytest.mark.parametrize("given", [{}, {"x_csrf_token": ""}, {"x_csrf_token": "Token"}, {"x_csrf_token": "token "}])
def test_without_the_session_s_own_token_nothing_changes(method: str, given: dict[str, str]) -> None:
    guard: Any = SessionTokenGuard(Inner(), sessions=Tokens())
    with pytest.raises(CrossSiteRequest):
        call(guard, method, headers=headers(**given), session_token="session")


def test_with_it_once_the_change_is_made_and_with_it_twice_not() -> None:
    guard: Any = SessionTokenGuard(Inner(), sessions=Tokens())
    token = headers(x_csrf_token="token")
    assert call(guard, "POST", headers=token, session_token="session").status == 200
    with pytest.raises(CrossSiteRequest):
        call(guard, "POST", headers=token * 2, session_token="session")


@pytest.mark.parametrize(
    "hosts", [[], [b"evil.example"], [b"chat.example:443"], [b"chat.example", b"chat.example"], [b""]]
)
def test_another_host_is_refused(hosts: list[bytes]) -> None:
    guard = HostGuard(Inner(), authority="chat.example")
    assert call(guard, headers=[(b"host", host) for host in hosts]).status == 421
    assert call(guard, headers=[(b"host", b"chat.example")]).status == 200


PROBED = {("GET", "/healthz"), ("GET", "/readyz")}


def test_only_the_two_probes_come_with_any_host() -> None:
    guard = HostGuard(Inner(), authority="chat.example", services="services.example")
    other = [(b"host", b"10.0.0.7:8000")]
    asked = {(method, route.path) for route in every_route() for method in route.methods or {"GET", "POST"}}
    assert asked >= PROBED
    for method, path in sorted(asked | {("HEAD", "/healthz"), ("POST", "/readyz"), ("GET", "/healthz/")}):
        wanted = 200 if (method, path) in PROBED else 421
        assert call(guard, method, path, other, http_version="1.1").status == wanted, (method, path)
        assert call(guard, method, path, other, http_version="1.1", peer_chain=b"x").status == 421, (method, path)
    for path in ("/healthz", "/readyz"):
        assert call(guard, "GET", path, other * 2, http_version="1.1").status == 421
        assert call(guard, "GET", path, [], http_version="1.1").status == 421
        assert call(guard, "GET", path, [], http_version="1.0").status == 200
        assert call(guard, "GET", path, other * 2, http_version="1.0").status == 421


def test_each_port_has_its_own_host() -> None:
    for services in ("services.example:8443", ""):
        guard = HostGuard(Inner(), authority="chat.example", services=services)
        own, other = [(b"host", services.encode())], [(b"host", b"chat.example")]
        assert call(guard, headers=own, peer_chain=b"x").status == 200
        assert call(guard, headers=other, peer_chain=b"x").status == 421
        assert call(guard, headers=own).status == 421
