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

from chatbot.outbound.connection import Connection, Unreachable, UpstreamFailed

_STEP_BYTES = 4096  # of a response that are worked on before others come: one or two hundred events take a millisecond
_MOST_IDLE_SECONDS = 4.0  # servers close after 5 or more: a call must not meet a connection that is just being closed
_REASONS = {
    "ConnectionRefusedError": "nothing listens there",
    "gaierror": "the host is not known",
    "TimeoutError": "it does not answer in time",
    "SSLCertVerificationError": "its certificate is not trusted",
    "SSLError": "it does not speak TLS",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds and bytes that one call may take."""

    connect_seconds: float = 5.0
    idle_seconds: float = 60.0
    total_seconds: float = 300.0
    response_bytes: int = 16 * 1024 * 1024


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
        self._idle: deque[Connection] = deque(maxlen=idle_connections)
        self.behind = asyncio.Lock()  # taken in turn by responses of which more has come than one step takes

    async def post(self, path: str, body: bytes, headers: dict[str, str]) -> "Response":
        """Send `body` and return the response once its headers are there. Raises `Unreachable`, `UpstreamFailed`."""
        return await self._send("POST", path, {"content-length": str(len(body)), **headers}, body)

    async def get(self, path: str, headers: dict[str, str]) -> "Response":
        """Ask for `path` and return the response once its headers are there. Raises `Unreachable`, `UpstreamFailed`."""
        return await self._send("GET", path, headers)

    async def _send(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> "Response":
        end = asyncio.get_running_loop().time() + self._limits.total_seconds
        head = [f"{method} {self._path}{path} HTTP/1.1", f"host: {self._authority}"]
        head += [f"{name}: {value}" for name, value in headers.items()]
        if any("\r" in line or "\n" in line for line in head):
            raise ValueError("a header may not hold a line break")
        connection = await self._connect()
        cast(asyncio.Transport, connection.transport).write("\r\n".join([*head, "", ""]).encode("latin-1") + body)
        response = Response(connection, self, self._limits, end)
        try:
            while not connection.headers_done:
                await connection.wait(response.patience())
        except BaseException:
            response.abort()
            raise
        return response

    async def _connect(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            idle = asyncio.get_running_loop().time() - connection.idle_since
            if connection.is_free() and idle < _MOST_IDLE_SECONDS:
                connection.begin()
                return connection
            connection.close()
        try:
            async with asyncio.timeout(self._limits.connect_seconds):
                _, connection = await asyncio.get_running_loop().create_connection(
                    Connection, self._host, self._port, ssl=self._tls
                )
        except (OSError, TimeoutError) as error:
            raise Unreachable(f"cannot connect: {_reason(error)}") from error
        return connection

    def give_back(self, connection: Connection) -> None:
        """Keep a connection whose response was read to its end, where another call may follow it."""
        if not connection.is_free() or len(self._idle) == self._idle.maxlen:
            connection.close()
            return
        connection.idle_since = asyncio.get_running_loop().time()
        self._idle.append(connection)

    async def close(self) -> None:
        """Close the connections that wait for use."""
        while self._idle:
            self._idle.pop().close()


def _reason(error: Exception) -> str:
    """Return why there is no connection, in an operator's words."""
    names = [kind.__name__ for kind in type(error).__mro__]
    return next((_REASONS[name] for name in names if name in _REASONS), names[0])


class Response:
    """A response whose body is read in pieces."""

    def __init__(self, connection: Connection, service: Service, limits: Limits, end: float) -> None:
        self._connection = connection
        self._service = service
        self._limits = limits
        self._end = end

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._connection.status

    @property
    def headers(self) -> dict[bytes, bytes]:
        """The headers, names in lower case."""
        return self._connection.headers

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
                data = connection.take(_STEP_BYTES)
                total += len(data)
                if total > self._limits.response_bytes:
                    raise UpstreamFailed("the response is too large")
                if data:
                    yield data
                    if connection.waiting:
                        async with self._service.behind:
                            await asyncio.sleep(0)  # between any two steps everybody else comes first
                elif connection.done:
                    break
                else:
                    await connection.wait(self.patience())
            self._service.give_back(connection)
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
