"""What a request's body may be before anybody reads meaning into it (control api-validate).

Stops: a body that fills the memory, nesting that exhausts a parser, and JSON that two readers read in two ways: a key
that stands twice, a number that is none, half a character (RFC 8259, sections 4 and 8; RFC 7493, section 2). The
announced length is judged before anything is read, what then arrives is counted, by one table of routes with a small
default. A body is JSON in UTF-8 and says so once (ASVS 4.1.1; CVE-2024-7806: a form's text that a JSON route acted on),
but for the routes that take bytes, by a second table. A path is taken as it was sent: one with encoded characters, a
second spelling, leads nowhere. Fails closed: what is not in a table has the stricter rule. Which fields a body may hold
is for its route's own schema to say; every one refuses what it does not know.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatbot.core.errors import NotFound, Problem, TooLarge, Unprocessable, WrongMediaType
from chatbot.gateway.exchange import has_body
from chatbot.monitoring.refusals import note_refusal

DEFAULT_BYTES = 64 * 1024
MOST_DEPTH, MOST_KEYS = 32, 2000
_JSON = re.compile(rb'application/json *(; *charset *= *("utf-8"|utf-8) *)?', re.IGNORECASE)
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*(?:"|\\?\Z)', re.DOTALL)  # one without an end is read once, too


class BodyTooLarge(HTTPException):
    """More arrived than is taken. Of Starlette's kind: FastAPI turns any other that is met while reading into a 400."""


class BodyTooSlow(HTTPException):
    """The body did not come in time. Of Starlette's kind, as above."""


class NotJson(Unprocessable):
    """Nothing that JSON's standard knows."""

    title = "The body is not JSON"
    code = "invalid_json"


class BodyJudge:
    """Counts the bytes of every body, and reads JSON strictly before it is passed on."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        routes: Mapping[tuple[str, str], int],
        raw: frozenset[tuple[str, str]],
        seconds: float,
    ) -> None:
        self._app = app
        self._routes = routes
        self._raw = raw
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or raise `NotFound`, `TooLarge`, `WrongMediaType` or `Unprocessable`."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if b"%" in scope.get("raw_path", b""):
            note_refusal("api-validate", "encoded path")
            raise NotFound("No path here has encoded characters.")
        route = (scope["method"], scope["path"])
        most = self._routes.get(route, DEFAULT_BYTES)
        if _announced(scope) > most:
            note_refusal("api-validate", "too large")
            raise TooLarge(_why(most))
        counted = _counted(_timed(receive, self._seconds), most)
        if route in self._raw:
            await self._app(scope, counted, send)
            return
        if has_body(scope):
            _check_kind(scope)  # before anything is read
        await self._app(scope, await _judged(scope, counted), send)


def check_json(body: bytes) -> None:
    """Raise `Unprocessable` for what is no JSON, or can be read in two ways, or is nested or divided without end."""
    try:
        orjson.loads(body)  # strict: UTF-8, no NaN, no half characters
        depth = _depth(body)
        if depth > MOST_DEPTH:
            raise Unprocessable(f"The JSON is nested {depth} deep: {MOST_DEPTH} are taken.")
        json.loads(body, object_pairs_hook=_Keys().take)
    except (ValueError, RecursionError):
        raise NotJson("It is read strictly: check quotes, commas and characters.") from None


class _Keys:
    """Counts the keys of a document, and refuses one that stands twice in an object."""

    def __init__(self) -> None:
        self.count = 0

    def take(self, pairs: list[tuple[str, Any]]) -> None:
        self.count += len(pairs)
        if self.count > MOST_KEYS:
            raise Unprocessable(f"The JSON has more than {MOST_KEYS} keys.")
        if len({key for key, _ in pairs}) < len(pairs):
            raise Unprocessable("A key stands twice in one object: it could be read in two ways.")


def _depth(body: bytes) -> int:
    deepest = depth = 0
    for byte in _STRING.sub(b"", body):
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def _timed(receive: Receive, seconds: float) -> Receive:
    """Return what hands over a body whose every part comes in time, and the whole of it in twenty times that."""
    whole, end = False, 0.0

    async def in_time() -> Message:
        nonlocal whole, end
        if whole:
            return await receive()  # a reader who waits for the answer is not late
        end = end or asyncio.get_running_loop().time() + 20 * seconds
        try:
            async with asyncio.timeout(min(seconds, end - asyncio.get_running_loop().time())):
                message = await receive()
        except TimeoutError:
            note_refusal("api-capacity", "a body too slow")
            raise BodyTooSlow(408, "The body did not come in time.") from None
        whole = not message.get("more_body")
        return message

    return in_time


def _counted(receive: Receive, most: int) -> Receive:
    arrived = 0

    async def count() -> Message:
        nonlocal arrived
        message = await receive()
        arrived += len(message.get("body", b""))
        if arrived > most:
            note_refusal("api-validate", "too large")
            raise BodyTooLarge(413, _why(most))
        return message

    return count


async def _judged(scope: Scope, receive: Receive) -> Receive:
    """Read the whole body, judge it, and return what hands it over once."""
    pieces: list[bytes] = []
    last: Message | None = None
    while last is None:
        try:
            message = await receive()
        except BodyTooLarge as error:
            raise TooLarge(error.detail) from None
        except BodyTooSlow as error:
            raise Problem(error.detail, status=408) from None
        if message["type"] == "http.disconnect":
            raise Problem("The request ended before it was whole.")
        pieces.append(message.get("body", b""))
        last = None if message.get("more_body") else message
    body = b"".join(pieces)
    if body:  # a body may be left away; whether it is needed, its route knows
        _check_kind(scope)
        try:
            check_json(body)
        except Unprocessable:
            note_refusal("api-validate", "unsound JSON")
            raise
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def hand_over() -> Message:
        return waiting.pop() if waiting else await receive()

    return hand_over


def _check_kind(scope: Scope) -> None:
    kinds = [value for name, value in scope["headers"] if name == b"content-type"]
    if len(kinds) != 1 or not _JSON.fullmatch(kinds[0].strip()):
        note_refusal("api-validate", "not called JSON")
        raise WrongMediaType("Send the body as application/json, in UTF-8.")


def _announced(scope: Scope) -> int:
    lengths = {value for name, value in scope["headers"] if name == b"content-length"}
    if len(lengths) > 1 or not all(value.isdigit() for value in lengths):
        raise Problem("The Content-Length header is not a number.")
    return int(lengths.pop()) if lengths else 0


def _why(most: int) -> str:
    size = f"{most // 1024} KB" if most < 1024 * 1024 else f"{most // 1024 // 1024} MB"
    return f"At most {size} are taken here."
