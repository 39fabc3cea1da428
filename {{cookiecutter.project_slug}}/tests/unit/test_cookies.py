"""Cookies (part of control web-session)."""

import pytest

from chatbot.gateway.cookies import CookieNames, drop_cookie, read_cookie, set_cookie

NAME = CookieNames.of("abc").session


def test_the_cookie_has_every_protection():
    cookie = set_cookie(NAME, "v", None)
    assert cookie.startswith("__Host-chatbot-abc-session=v; ")
    assert {"Path=/", "Secure", "HttpOnly", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert "Max-Age=0" in drop_cookie(NAME)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        (f"{NAME}=x", "x"),
        (f"a=b; {NAME}=x; c=d", "x"),
        (f"{NAME}=x; {NAME}=x", "x"),
        (f"{NAME}=x; {NAME}=y", None),
        (f"x{NAME}=x", None),
        (f"{NAME}=", None),
        (f"{NAME}={'x' * 300}", None),
        ("", None),
    ],
)
def test_reading(header, value):
    assert read_cookie([(b"cookie", header.encode())], NAME) == value


def test_two_headers_that_disagree_give_nothing():
    headers = [(b"cookie", f"{NAME}=x".encode()), (b"cookie", f"{NAME}=y".encode())]
    assert read_cookie(headers, NAME) is None
