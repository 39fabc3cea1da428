"""One connection to a service, without a network: every state of it meets everything that a service may send."""

import asyncio
from typing import Any

import pytest

from chatbot.outbound.connection import Connection, UpstreamFailed
from chatbot.outbound.http import Limits, Response, Service

MAX_READ = 256 * 1024
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n"
SIZED = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"
STATES = {
    "new": b"",
    "in a head": CHUNKED,
    "after 100 Continue": b"HTTP/1.1 100 Continue\r\n\r\n",
    "in chunks": CHUNKED + b"\r\n1\r\nx\r\n",
    "after the last chunk": CHUNKED + b"\r\n1\r\nx\r\n0\r\n",
    "in a sized body": SIZED + b"fir",
    "answered": SIZED + b"first",
}
ENDLESS = {
    "informational answers": (b"", b"HTTP/1.1 103 Early Hints\r\na: b\r\n\r\n"),
    "answers": (b"", SIZED + b"first"),
    "header fields": (b"HTTP/1.1 200 OK\r\n", b"a:b\r\n"),
    "one header": (b"HTTP/1.1 200 OK\r\na:", b"b" * 999),
    "a reason": (b"HTTP/1.1 200 ", b"O" * 999),
    "empty lines": (b"", b"\r\n"),
    "zeros": (b"", b"\x00" * 999),
    "fields": (b"", b"a:b\r\n"),
    "distinct trailers": (b"0\r\n", b""),
    "a trailer": (b"0\r\na:", b"b" * 999),
    "a chunk's extension": (b"1;", b"a" * 999),
    "chunks with extensions": (b"", b"1;aaaaaaaaaaaaaaaaaa\r\nx\r\n"),
    "a chunk's size": (b"", b"0" * 999),
}


class Wire(asyncio.Transport):
    """The client's end of a connection."""

    def __init__(self) -> None:
        super().__init__()
        self.is_closed = self.is_paused = False
        self.unsent = 0

    def write(self, data: Any) -> None: ...
    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = True

    def is_reading(self) -> bool:
        return not self.is_paused

    def is_closing(self) -> bool:
        return self.is_closed

    def get_write_buffer_size(self) -> int:
        return self.unsent


def connected() -> tuple[Connection, Wire]:
    connection, wire = Connection(), Wire()
    connection.connection_made(wire)
    return connection, wire


@pytest.mark.parametrize("kind", ENDLESS)
@pytest.mark.parametrize("state", STATES)
def test_nothing_without_end_is_taken_in_any_state(state: str, kind: str) -> None:
    async def action() -> None:
        connection, wire = connected()
        connection.data_received(STATES[state])
        begin, more = ENDLESS[kind]
        block = more * (MAX_READ // len(more)) if more else b"".join(b"a%d:b\r\n" % number for number in range(30_000))
        sent = 0
        while not wire.is_closed and sent < 4 * MAX_READ:
            connection.data_received(begin + block)
            sent += len(block)
            begin = b""
        assert wire.is_closed and connection.failure, "it is taken for ever"
        assert sent <= 2 * MAX_READ
        assert sum(len(name) + len(value) for name, value in connection.headers.items()) <= MAX_READ

    asyncio.run(action())


def test_a_body_in_chunks_of_one_letter_is_taken() -> None:
    async def action() -> None:
        connection, wire = connected()
        connection.data_received(CHUNKED + b"\r\n" + b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\n")
        assert connection.done and not wire.is_closed
        assert connection.take(200_000) == b"x" * 100_000

    asyncio.run(action())


@pytest.mark.parametrize("split", [0, 1])
def test_a_trailer_is_no_header(split: int) -> None:
    async def action() -> None:
        connection, _ = connected()
        parts = [
            CHUNKED + b"content-type: text/plain\r\n\r\n1\r\nx\r\n0\r\n",
            b"content-type: text/html\r\nx-y: z\r\n\r\n",
        ]
        for data in [b"".join(parts)] if split else parts:
            connection.data_received(data)
        assert connection.done
        assert connection.headers.keys() == {b"transfer-encoding", b"content-type"}
        assert connection.headers[b"content-type"] == b"text/plain"

    asyncio.run(action())


def test_the_headers_of_an_announcement_are_not_the_answer_s_limit() -> None:
    async def action() -> None:
        connection, wire = connected()
        connection.data_received(b"HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n" + SIZED + b"first")
        assert (connection.status, connection.take(10), wire.is_closed) == (200, b"first", False)

    asyncio.run(action())


def test_every_call_on_a_kept_connection_has_the_whole_limit() -> None:
    async def action() -> None:
        connection, wire = connected()
        for _ in range(20):
            connection.data_received(b"HTTP/1.1 200 OK\r\na: " + b"b" * 30_000 + b"\r\ncontent-length: 1\r\n\r\nx")
            assert connection.take(1) == b"x" and connection.is_free()
            connection.begin()
        assert not wire.is_closed

    asyncio.run(action())


def test_a_connection_is_not_used_again_while_its_request_is_still_being_written() -> None:
    async def action() -> None:
        connection, wire = connected()
        connection.data_received(SIZED + b"first")
        connection.take(5)
        wire.unsent = 1
        assert not connection.is_free()
        wire.unsent = 0
        assert connection.is_free()

    asyncio.run(action())


@pytest.mark.parametrize("size", [10, 11])
def test_a_body_larger_than_its_limit_is_a_failure(size: int) -> None:
    async def action() -> None:
        connection, wire = connected()
        connection.data_received(CHUNKED + b"\r\n" + b"%x\r\n" % size + b"x" * size + b"\r\n0\r\n\r\n")
        response = Response(connection, Service("http://service.example", Limits()), Limits(response_bytes=10), 1e9)
        if size == 10:
            assert b"".join([piece async for piece in response.pieces()]) == b"x" * 10
            return
        with pytest.raises(UpstreamFailed, match="too large"):
            async for _ in response.pieces():
                pass
        assert wire.is_closed

    asyncio.run(action())


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 100])
def test_what_is_taken_is_what_came_in_its_order_and_no_more_than_was_asked(limit: int) -> None:
    async def action() -> None:
        connection, _ = connected()
        connection.data_received(CHUNKED + b"\r\n3\r\nabc\r\n4\r\ndefg\r\n1\r\nh\r\n0\r\n\r\n")
        taken = []
        while piece := connection.take(limit):
            assert not connection.is_free() or connection.waiting == 0
            taken.append(piece)
        assert b"".join(taken) == b"abcdefgh" and connection.waiting == 0
        assert all(len(piece) == limit for piece in taken[:-1]) and len(taken[-1]) <= limit
        assert connection.is_free()

    asyncio.run(action())


def test_no_more_is_read_while_much_waits_and_it_is_read_again_afterwards() -> None:
    async def action() -> None:
        connection, wire = connected()
        connection.data_received(b"HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n" + b"x" * 40_000)
        assert not wire.is_reading()
        while connection.waiting > 8 * 1024:
            assert not wire.is_reading(), "what waits would grow with every piece that is taken"
            connection.take(4096)
        assert wire.is_reading()

    asyncio.run(action())
