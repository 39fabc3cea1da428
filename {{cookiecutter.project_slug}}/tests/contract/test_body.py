"""What a body may be, at the judge's own seam (api-validate)."""

import asyncio
import json
from typing import Any

import pytest

from chatbot.core.errors import NotFound, Problem, TooLarge, Unprocessable, WrongMediaType
from chatbot.gateway.middleware.body import DEFAULT_BYTES, MOST_DEPTH, MOST_KEYS, BodyJudge, BodyTooLarge, check_json

JSON = (b"content-type", b"application/json")


def judge(body: bytes, *headers: tuple[bytes, bytes], pieces: int = 1, method: str = "POST", path: str = "/x") -> bytes:
    """Send a body in so many pieces and return what the application read."""
    step = -(-len(body) // pieces) or 1
    parts = [body[place : place + step] for place in range(0, len(body), step)] or [b""]
    messages = [
        {"type": "http.request", "body": part, "more_body": place < len(parts) - 1} for place, part in enumerate(parts)
    ]
    read: list[bytes] = []

    async def receive() -> Any:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        more = True
        while more:
            message = await receive()
            read.append(message["body"])
            more = message["more_body"]
        assert (await receive())["type"] == "http.disconnect"  # the leaving of the caller is still seen

    scope: Any = {"type": "http", "method": method, "path": path, "headers": list(headers)}
    routes = {("POST", "/big"): 10 * DEFAULT_BYTES, ("POST", "/small"): 5}
    raw = frozenset({("POST", "/raw")})
    asyncio.run(BodyJudge(app, routes=routes, raw=raw, seconds=5)(scope, receive, None))
    return b"".join(read)


@pytest.mark.parametrize("pieces", [1, 7])
@pytest.mark.parametrize("path", ["/x", "/big", "/small", "/small/", "/BIG"])
@pytest.mark.parametrize("kind", [[JSON], [JSON, (b"transfer-encoding", b"chunked")]], ids=["json", "announced"])
def test_a_body_is_read_up_to_its_limit_and_no_further(kind: list[tuple[bytes, bytes]], path: str, pieces: int) -> None:
    most = {"/big": 10 * DEFAULT_BYTES, "/small": 5}.get(path, DEFAULT_BYTES)
    body = b"[" + b" " * (most - 2) + b"]"
    assert judge(body, *kind, pieces=pieces, path=path) == body
    with pytest.raises((TooLarge, BodyTooLarge)):
        judge(b" " + body, *kind, pieces=pieces, path=path)
    with pytest.raises((TooLarge, BodyTooLarge)):
        judge(body + b" ", *kind, pieces=pieces, path=path, method="PUT" if path == "/big" else "POST")


def test_an_announced_length_is_refused_before_anything_is_read() -> None:
    with pytest.raises(TooLarge):
        judge(b"", (b"content-length", str(DEFAULT_BYTES + 1).encode()))
    for value in (b"x", b"-1", b"+5", b"5.0", b"", b"5, 6"):
        with pytest.raises(Problem, match="not a number"):
            judge(b"", (b"content-length", value))
    with pytest.raises(Problem, match="not a number"):
        judge(b"", (b"content-length", b"5"), (b"content-length", b"6"))


TWO_WAYS = [
    b'{"a":1,"a":1}', b'{"a":{"b":1,"b":2}}', b'[{"a":1},{"a":1,"c":2,"a":3}]', b'{"a":1,"\\u0061":2}', b"{}{}", b"{} x",
    b"NaN", b"[Infinity]", b"[-Infinity]", b'"\\ud800"', b'{"\\udfff":1}', b'"\xff"', b'"\xed\xa0\x80"', b"[1,]", b"{'a':1}", b"01",
    b"\xef\xbb\xbf{}", b"[1] // x", b'"\t"', b"\x00", b" ", b'"', b'"\\', b"[" + b"9" * 5000 + b"]",
]  # fmt: skip


@pytest.mark.parametrize("body", TWO_WAYS, ids=repr)
@pytest.mark.parametrize(
    "kind", ["application/json", 'application/json;charset="utf-8"', "APPLICATION/JSON ; CHARSET=UTF-8"]
)
def test_json_that_could_be_read_in_two_ways_is_not_read(body: bytes, kind: str) -> None:
    with pytest.raises(Unprocessable):
        judge(body, (b"content-type", kind.encode()))


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
def test_nesting_has_an_end(opening: bytes) -> None:
    closing = opening.translate(bytes.maketrans(b"[{", b"]}"), b'"a:')[::-1]
    per = len(closing)
    fine = opening * (MOST_DEPTH // per) + b"1" + closing * (MOST_DEPTH // per)
    check_json(fine)
    for depth in (MOST_DEPTH // per + 1, 500, 30_000 // len(opening)):
        with pytest.raises(Unprocessable):
            check_json(opening * depth + b"1" + closing * depth)


def test_keys_have_an_end() -> None:
    check_json(json.dumps({str(number): 1 for number in range(MOST_KEYS)}).encode())
    with pytest.raises(Unprocessable, match="keys"):
        check_json(json.dumps([{"a": 1}] * (MOST_KEYS + 1)).encode())


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"null",
        b'{"a":"[[[[","b":"\\"{{{{"}',
        b'"\\\\"',
        b'{"a":{"a":{"a":1}}}',
        '{"é":"🙂"}'.encode(),
        b"-0.1e3",
    ],
)
def test_sound_json_is_handed_over_as_it_came(body: bytes) -> None:
    assert judge(body, JSON, pieces=3) == body


OTHER_KINDS = [
    [], [b"text/plain"], [b"application/x-www-form-urlencoded"], [b"multipart/form-data; boundary=x"], [b""],
    [b"application/json; charset=utf-16"], [b"application/json", b"application/json"], [b"text/plain", b"application/json"],
    [b"application/json, text/plain"], [b"text/plain; application/json"], [b"application/jsonp"], [b"application/problem+json"],
    [b"application/json; charset=utf-8; charset=utf-16"], [b"application/json; boundary=x"], [b"application/json\x00"],
]  # fmt: skip


@pytest.mark.parametrize("announced", [[], [(b"content-length", b"2")], [(b"transfer-encoding", b"chunked")]])
@pytest.mark.parametrize("kinds", OTHER_KINDS, ids=repr)
def test_a_body_that_is_not_called_json_once_is_not_read(kinds: list[bytes], announced: list[Any]) -> None:
    """CVE-2024-7806: a form's text that a JSON route acted on."""
    with pytest.raises(WrongMediaType):
        judge(b"{}", *announced, *((b"content-type", kind) for kind in kinds))


def test_what_takes_bytes_is_not_read_as_json() -> None:
    assert judge(b'{"a":1,"a":2}', (b"content-type", b"text/plain"), path="/raw") == b'{"a":1,"a":2}'
    with pytest.raises(WrongMediaType):
        judge(b"{}", (b"content-type", b"text/plain"), path="/raw", method="PUT")
    assert judge(b"", JSON) == judge(b"") == b""


def test_a_path_that_was_sent_in_another_spelling_leads_nowhere() -> None:
    """CVE-2026-54022: two spellings of one name, of which one was checked and the other stored."""
    scope: Any = {"type": "http", "method": "GET", "path": "/x", "raw_path": b"/%78", "headers": []}
    with pytest.raises(NotFound):
        asyncio.run(BodyJudge(None, routes={}, raw=frozenset(), seconds=5)(scope, None, None))
