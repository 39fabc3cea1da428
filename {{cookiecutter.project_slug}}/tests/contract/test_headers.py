"""The header policy at its own seam: it is the last to write (web-csp)."""

import pytest

from chatbot.gateway.middleware.headers import HEADERS, SecurityHeaders
from tests.doubles.asgi import Inner, call


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize("weak", [None, b"*", b"", b"default-src * 'unsafe-inline'", b"unsafe-none"])
def test_no_route_can_leave_out_or_weaken_a_header(name: str, weak: bytes | None) -> None:
    inner = Inner([] if weak is None else [(name.title().encode(), weak)])
    found = call(SecurityHeaders(inner, https=False))
    assert found.headers.get(name.encode()) == HEADERS[name].encode()
    assert [header.lower() for header in found.headers].count(name.encode()) == 1


def test_the_policy_allows_nothing_by_default_and_no_string_as_markup() -> None:
    policy = dict(part.strip().split(" ", 1) for part in HEADERS["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["trusted-types"] == "'none'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["form-action"] == "'self'"
    assert policy["report-uri"] == "/csp-report"
    assert "unsafe" not in HEADERS["content-security-policy"]
    assert "*" not in HEADERS["content-security-policy"]


def test_transport_security_is_told_over_https_only() -> None:
    name = b"strict-transport-security"
    assert name not in call(SecurityHeaders(Inner(), https=False)).headers
    assert b"max-age=63072000" in call(SecurityHeaders(Inner(), https=True)).headers.get(name, b"")


def test_nothing_is_kept_in_a_cache_unless_a_route_says_so() -> None:
    assert call(SecurityHeaders(Inner(), https=False)).headers[b"cache-control"] == b"no-store"
    said = Inner([(b"cache-control", b"max-age=60")])
    assert call(SecurityHeaders(said, https=False)).headers[b"cache-control"] == b"max-age=60"
