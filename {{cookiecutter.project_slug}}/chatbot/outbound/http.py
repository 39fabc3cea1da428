"""A small streaming HTTP/1.1 client to one configured service.

The address comes from the settings alone: a caller names a path written in the program, never a host.
Redirects are not followed. Certificates are verified always. Everything has a time and size limit.
Written on asyncio's protocols and the httptools parser because relaying tokens is the hot path; a general
client costs more than the rest of a turn together.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

import httptools

_MOST_HEADER_BYTES = 32 * 1024
_HIGH_WATER = 256 * 1024


class UpstreamFailed(Exception):
    """The service could not be reached, broke off, was too slow, or sent too much. The text is for the log."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds and bytes that one call may take."""

    connect_seconds: float = 5.0
    idle_seconds: float = 60.0
    total_seconds: float = 300.0
    response_bytes: int = 16 * 1024 * 1024


class _Connection(asyncio.Protocol):
    """One connection: feeds the parser and hands over what arrived since the last look."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.closed = False
        self.begin()

    def begin(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.headers: dict[bytes, bytes] = {}
        self.header_bytes = 0
        self.status = 0
        self.headers_done = False
        self.done = False
        self.failure: str | None = None
        self.chunks: deque[bytes] = deque()
        self.waiting = 0
        self.waiter: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if not self.headers_done:
            self.header_bytes += len(data)  # of one header that never ends, too
        try:
            self.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.fail(f"not HTTP: {type(error).__name__}")
        if not self.headers_done and self.header_bytes > _MOST_HEADER_BYTES:
            self.fail("too many header bytes")
        if self.waiting > _HIGH_WATER and self.transport is not None:
            self.transport.pause_reading()  # the reader is slower than the service
        self.wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if not self.done:
            self.fail("the connection was closed")
        self.wake()

    def fail(self, why: str) -> None:
        self.failure = self.failure or why
        if self.transport is not None:
            self.transport.abort()

    def wake(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    # callbacks of the parser
    def on_message_begin(self) -> None:
        if self.done:
            self.fail("more than the answer arrived")  # it would be taken for the answer to the next call

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        self.status = self.parser.get_status_code()
        self.headers_done = True

    def on_body(self, body: bytes) -> None:
        self.chunks.append(body)
        self.waiting += len(body)

    def on_message_complete(self) -> None:
        if self.status >= 200:
            self.done = True
            return
        self.headers_done = False  # 100 Continue and its like announce the real answer

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

    def take(self) -> bytes:
        """Return all that arrived since the last call."""
        data = b"".join(self.chunks)
        self.chunks.clear()
        self.waiting = 0
        if self.transport is not None and not self.transport.is_reading() and not self.closed:
            self.transport.resume_reading()
        return data


class Service:
    """Calls one service, keeping its connections open between calls."""

    def __init__(self, base_url: str, limits: Limits, *, idle_connections: int = 64) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("a service's address must be http or https with a host")
        self._host = parts.hostname
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        if self._tls is not None:
            self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
        self._port = parts.port or (443 if self._tls else 80)
        self._path = parts.path.rstrip("/")
        self._authority = parts.netloc
        self._limits = limits
        self._idle: deque[_Connection] = deque(maxlen=idle_connections)

    async def post(self, path: str, body: bytes, headers: dict[str, str]) -> "Response":
        """Send `body` and return the response once its headers are there. Raises `UpstreamFailed`."""
        end = asyncio.get_running_loop().time() + self._limits.total_seconds
        connection = await self._connect()
        head = [f"POST {self._path}{path} HTTP/1.1", f"host: {self._authority}", f"content-length: {len(body)}"]
        head += [f"{name}: {value}" for name, value in headers.items()]
        if any("\r" in line or "\n" in line for line in head):
            raise ValueError("a header may not hold a line break")
        cast(asyncio.Transport, connection.transport).write("\r\n".join([*head, "", ""]).encode("latin-1") + body)
        response = Response(connection, self, self._limits, end)
        try:
            while not connection.headers_done:
                await connection.wait(response.patience())
        except BaseException:
            response.abort()
            raise
        return response

    async def _connect(self) -> _Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed and connection.transport is not None and not connection.transport.is_closing():
                connection.begin()
                return connection
        try:
            async with asyncio.timeout(self._limits.connect_seconds):
                _, connection = await asyncio.get_running_loop().create_connection(
                    _Connection, self._host, self._port, ssl=self._tls
                )
        except (OSError, TimeoutError) as error:
            raise UpstreamFailed(f"cannot connect: {type(error).__name__}") from error
        return connection

    def give_back(self, connection: _Connection) -> None:
        """Keep a connection whose response was read to its end."""
        if len(self._idle) == self._idle.maxlen and connection.transport is not None:
            connection.transport.close()
        else:
            self._idle.append(connection)

    async def close(self) -> None:
        """Close the connections that wait for use."""
        while self._idle:
            connection = self._idle.pop()
            if connection.transport is not None:
                connection.transport.close()


class Response:
    """A response whose body is read in pieces."""

    def __init__(self, connection: _Connection, service: Service, limits: Limits, end: float) -> None:
        self._connection = connection
        self._service = service
        self._limits = limits
        self._end = end

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._connection.status

    @property
    def media_type(self) -> str:
        """The media type, lower case, without parameters."""
        return self._connection.headers.get(b"content-type", b"").split(b";")[0].strip().lower().decode("latin-1")

    def patience(self) -> float:
        """Return the seconds that the next piece may take."""
        return min(self._limits.idle_seconds, self._end - asyncio.get_running_loop().time())

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body, each time all that arrived. Leaving early closes the connection: the service stops."""
        connection, total = self._connection, 0
        try:
            while True:
                data = connection.take()
                total += len(data)
                if total > self._limits.response_bytes:
                    raise UpstreamFailed("the response is too large")
                if data:
                    yield data
                elif connection.done:
                    break
                else:
                    await connection.wait(self.patience())
            if connection.parser.should_keep_alive() and not connection.closed and connection.failure is None:
                self._service.give_back(connection)
            else:
                self.abort()
        except BaseException:
            self.abort()
            raise

    def hurry(self, seconds: float) -> None:
        """Allow only so many seconds more for the rest."""
        self._end = min(self._end, asyncio.get_running_loop().time() + seconds)

    def abort(self) -> None:
        """Close the connection at once."""
        if self._connection.transport is not None:
            self._connection.transport.abort()
