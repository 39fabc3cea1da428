"""One connection to a service that the settings name: asyncio's protocol and the httptools parser."""

import asyncio
from collections import deque
from typing import cast

import httptools

_MAX_HEAD_BYTES = 32 * 1024
_MAX_FRAMING = 8  # bytes that arrive for each byte of body: one letter in a chunk of its own takes six
_HIGH_WATER, _LOW_WATER = 32 * 1024, 8 * 1024  # bytes that wait to be taken: reading pauses, and goes on


class UpstreamFailed(Exception):
    """The service could not be reached, broke off, was too slow, or sent too much. The text is for the log."""


class Unreachable(UpstreamFailed):
    """No connection was made: nothing was sent."""


class Connection(asyncio.Protocol):
    """Feeds the parser and hands over what arrived since the last look."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.closed = False
        self.begin()

    def begin(self) -> None:
        """Forget the last answer."""
        self.parser = httptools.HttpResponseParser(self)
        self.headers: dict[bytes, bytes] = {}
        self.arrived_bytes = 0
        self.body_bytes = 0  # of these
        self.status = 0
        self.headers_done = False
        self.done = False
        self.stays_open = False
        self.idle_since = 0.0  # the loop's seconds
        self.failure: str | None = None
        self.chunks: deque[bytes] = deque()
        self.waiting = 0
        self.waiter: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Parse what arrived, and stop reading while the reader is slower."""
        self.arrived_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.fail(f"not HTTP: {type(error).__name__}")
        # heads before the answer's own, chunk extensions and trailers count, too; chunks may be as small as a word
        if self.arrived_bytes > _MAX_HEAD_BYTES + _MAX_FRAMING * self.body_bytes:
            self.fail("too many bytes that are no body")
        if self.waiting > _HIGH_WATER and self.transport is not None:
            self.transport.pause_reading()  # the reader is slower than the service
        self.wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what was not whole."""
        self.closed = True
        if not self.done:
            self.fail("the connection was closed")
        self.wake()

    def fail(self, why: str) -> None:
        """Close at once, and say why to whoever waits."""
        self.failure = self.failure or why
        if self.transport is not None:
            self.transport.abort()

    def wake(self) -> None:
        """Let whoever waits look again."""
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    # callbacks of the parser
    def on_message_begin(self) -> None:
        """Refuse a second answer."""
        if self.done:
            self.fail("more than the answer arrived")  # it would be taken for a part of it, or for the next call's
            raise httptools.HttpParserError

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, of several with one name the last; a trailer is none (RFC 9110, section 6.5.1)."""
        if not self.headers_done:
            self.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """Take the status."""
        self.status = self.parser.get_status_code()
        self.headers_done = True

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body."""
        self.chunks.append(body)
        self.waiting += len(body)
        self.body_bytes += len(body)

    def on_message_complete(self) -> None:
        """Note that the answer is whole, and whether another may follow."""
        if self.status >= 200:
            self.done = True
            self.stays_open = self.parser.should_keep_alive()  # the parser knows while it is in the message, not after
            return
        self.headers_done = False  # 100 Continue and its like announce the real answer

    def is_free(self) -> bool:
        """Say whether another call may follow: the answer was whole, nothing came after it, the request was read."""
        transport = self.transport
        if transport is None or transport.is_closing() or self.closed or self.failure is not None:
            return False
        return self.done and self.stays_open and not self.chunks and transport.get_write_buffer_size() == 0

    def close(self) -> None:
        """Close it, now that nobody waits for anything."""
        if self.transport is not None:
            self.transport.close()

    async def wait(self, seconds: float) -> None:
        """Wait until something arrived. Raises `UpstreamFailed`."""
        if self.failure is not None:
            raise UpstreamFailed(self.failure)
        self.waiter = asyncio.get_running_loop().create_future()
        handle = asyncio.get_running_loop().call_later(max(seconds, 0), self._expire)
        try:
            await self.waiter
        finally:
            handle.cancel()
            self.waiter = None
        if self.failure is not None and not self.chunks:
            raise UpstreamFailed(self.failure)

    def _expire(self) -> None:
        self.fail("no data in time")
        self.wake()

    def take(self, limit: int) -> bytes:
        """Return what arrived since the last call, in the order it came: at most `limit` bytes of it."""
        taken: list[bytes] = []
        room = limit
        while self.chunks and room:
            chunk = self.chunks.popleft()
            if len(chunk) > room:
                self.chunks.appendleft(chunk[room:])
                chunk = chunk[:room]
            room -= len(chunk)
            taken.append(chunk)
        data = b"".join(taken)
        self.waiting -= len(data)
        transport = self.transport
        if self.waiting <= _LOW_WATER and transport is not None and not transport.is_reading() and not self.closed:
            transport.resume_reading()
        return data
