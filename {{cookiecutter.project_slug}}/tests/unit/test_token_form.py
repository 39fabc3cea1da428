"""The form of a signed token, one condition at a time: what no library is to see (acc-identity)."""

import base64
import json
from typing import Any

import pytest

from chatbot.identity.tokens.form import LONGEST_TOKEN, NoToken, read_header

TYPES = ("at+jwt",)


def segment(text: str | bytes) -> str:
    return base64.urlsafe_b64encode(text.encode() if isinstance(text, str) else text).rstrip(b"=").decode()


def token(header: Any = None, body: str = "e30", signature: str = "c2ln") -> str:
    text = header if isinstance(header, str) else json.dumps({"alg": "ES256", "typ": "at+jwt"} | (header or {}))
    return f"{segment(text)}.{body}.{signature}"


def with_header_of(size: int) -> str:
    """Return a token whose header's segment has so many characters."""
    empty = len(json.dumps({"alg": "ES256", "typ": "at+jwt", "kid": ""}))
    whole = token({"kid": "k" * (size * 3 // 4 - empty)})
    assert len(whole.partition(".")[0]) == size
    return whole


LONGEST = token(signature="c2ln" + "A" * (LONGEST_TOKEN - len(token())))


@pytest.mark.parametrize(
    "good",
    [
        token(),
        token({"kid": "k"}),
        token({"typ": "application/AT+JWT"}),
        LONGEST,
        with_header_of(512),
        token(signature="QQ"),
    ],
    ids=len,
)
def test_a_token_of_the_form_is_read(good: str) -> None:
    assert read_header(good, TYPES)["alg"] == "ES256"


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        *((bad, "missing or too long") for bad in (None, token().encode(), 7, LONGEST + "AAAA", LONGEST + "A")),
        *(
            (bad, "not of the form")
            for bad in (
                "", "a", "e30.e30", token() + ".e30", token() + ".", token() + ".e30.e30.e30", with_header_of(516),
                token(signature=""), token(body=""), "." + token().partition(".")[2],
                token(signature="QR"), token(body="QR"),  # a second spelling of Q
                token(signature="QQ=="), token(body="e30="), token(body="e3 0"), token(signature="c2ln\n"), token(body="+/+/"),
                token(body="٣٣٣٣"), token(signature="A"), token(body="e30é"),
                token({"alg": 1}), token({"kid": 1}), token({"kid": ["k"]}), token({"alg": None}),
            )
        ),
        *((token({name: "x"}), "not taken") for name in ("crit", "jwk", "jku", "x5u", "x5c", "b64", "zip", "enc")),
        *((token(header), "another type") for header in ({"typ": "JWT"}, {"typ": 1}, {"typ": ["at+jwt"]}, {"typ": None})),
        *((token(text), "cannot be read") for text in ("[]", '"x"', "7", "null", "{", "[" * 300)),
        (token('{"alg": "ES256", "alg": "none", "typ": "at+jwt"}'), "cannot be read"),
        (f"{segment(bytes([255]))}.e30.c2ln", "cannot be read"),
    ],
    ids=lambda value: repr(value)[:40],
)  # fmt: skip
def test_what_is_not_of_the_form_is_none(bad: object, why: str) -> None:
    with pytest.raises(NoToken, match=why):
        read_header(bad, TYPES)


def test_a_token_without_a_type_is_taken_where_that_is_one() -> None:
    untyped = token('{"alg": "ES256"}')
    assert read_header(untyped, ("", "jwt")) == {"alg": "ES256"}
    with pytest.raises(NoToken, match="another type"):
        read_header(untyped, TYPES)
