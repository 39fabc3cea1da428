"""What the plain ASGI routes share: who asks, the body as JSON bytes, and work that ends when the caller leaves."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol

from starlette.types import Receive, Scope

from chatbot.core.errors import Problem, SignInRequired, Unprocessable, WrongMediaType
from chatbot.core.principal import Principal
from chatbot.monitoring.refusals import note_refusal

_LEAST_EVENT = 256  # bytes: what most pieces of an answer fit into

FIRST = asyncio.FIRST_COMPLETED


def principal_of(scope: Scope) -> Principal:
    """Return whom the gate let in. Raises `SignInRequired`: closed, should the gate ever be passed by mistake."""
    who = scope.get("principal")
    if not isinstance(who, Principal):
        raise SignInRequired("Sign in and try again.")
    return who


def has_body(scope: Scope) -> bool:
    """Say whether a body was announced (RFC 9112, section 6.3)."""
    found = {name: value for name, value in scope["headers"] if name in (b"content-length", b"transfer-encoding")}
    return b"transfer-encoding" in found or found.get(b"content-length", b"0").strip(b"0") != b""


def refuse_query(scope: Scope) -> None:
    """Raise `Unprocessable` for any query: a plain route takes none."""
    if scope["query_string"]:
        note_refusal("api-validate", "unknown query")
        raise Unprocessable("The query may hold nothing.")


async def read_json_body(scope: Scope, receive: Receive) -> bytes:
    """Return the body's bytes, declared as JSON once. Raises `WrongMediaType`; its size is bounded before this."""
    types = [value for name, value in scope["headers"] if name == b"content-type"]
    if len(types) != 1 or types[0].split(b";")[0].strip().lower() != b"application/json":
        raise WrongMediaType("Send the body as application/json.")
    pieces = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Problem("The request ended before it was whole.")
        pieces.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(pieces)


def pad_event(event: bytes) -> bytes:
    """Return a server-sent event, filled up with spaces to one of a few sizes, ended by its empty line.

    The sizes of encrypted pieces tell what an answer is about ("Whisper Leak", arXiv 2511.03675). Spaces after JSON
    mean nothing (RFC 8259, section 2). Sizes are powers of two, from 256 bytes up.
    """
    size = max(_LEAST_EVENT, 1 << (len(event) + 1).bit_length())
    return event.ljust(size - 2) + b"\n\n"


class Watch(Protocol):
    """Says every `seconds` whether the work may go on."""

    @property
    def seconds(self) -> float:
        """How long to wait between two checks."""

    async def check(self, scope: Scope) -> None:
        """Return when it may. Raises a `Problem` otherwise."""


async def until_left(scope: Scope, receive: Receive, watch: Watch, work: Coroutine[Any, Any, None]) -> None:
    """Do `work`, and cancel it when the caller leaves, or when `watch` refuses: then its `Problem` is raised."""
    doing = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(receive))
    begun = [doing, leaving]
    try:
        if not (await asyncio.wait(begun, timeout=watch.seconds, return_when=FIRST))[0]:
            begun.append(asyncio.ensure_future(_watch(scope, watch)))  # beside, so that leaving is seen while it asks
            await asyncio.wait(begun, return_when=FIRST)
        stopped = not doing.done()
        doing.cancel()
        await asyncio.gather(doing, return_exceptions=stopped or leaving.done())
        if stopped and not leaving.done():
            await begun[-1]  # raises why
    finally:
        for task in begun:
            task.cancel()
        await asyncio.gather(*begun[1:], return_exceptions=True)


async def _watch(scope: Scope, watch: Watch) -> None:
    while True:
        await watch.check(scope)
        await asyncio.sleep(watch.seconds)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
