"""Answers for HTTP/1.0 clients: whole, with a length, within bounds."""

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from chatbot.gateway.middleware.http10 import Http10Responses

MEBIBYTE = 1024 * 1024


async def receive() -> Message:
    return {"type": "http.disconnect"}


def pass_through(version: str, pieces: int, headers: list[tuple[bytes, bytes]]) -> list[Message]:
    """Return what a client of `version` gets of so many pieces of one mebibyte."""
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for left in reversed(range(pieces)):
            await send({"type": "http.response.body", "body": b"x" * MEBIBYTE, "more_body": left > 0})

    async def keep(message: Message) -> None:
        sent.append(message)

    asyncio.run(Http10Responses(app)({"type": "http", "http_version": version}, receive, keep))
    return sent


def test_an_answer_without_a_length_is_collected() -> None:
    start, body = pass_through("1.0", 8, [])
    assert start["headers"] == [(b"content-length", str(8 * MEBIBYTE).encode())]
    assert len(body["body"]) == 8 * MEBIBYTE


def test_an_answer_that_never_ends_is_not_collected_without_end() -> None:
    with pytest.raises(ValueError, match="too large"):
        pass_through("1.0", 9, [])


@pytest.mark.parametrize(("version", "headers"), [("1.1", []), ("2", []), ("1.0", [(b"content-length", b"9437184")])])
def test_every_other_answer_passes_piece_by_piece(version: str, headers: list[tuple[bytes, bytes]]) -> None:
    assert len(pass_through(version, 9, headers)) == 10
