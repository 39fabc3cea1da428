"""The way out to one MCP server: what the MCP library sends goes through this, and nothing else does.

The library asks for an HTTP client; this is the client's transport. It sends a POST to the one configured
address and hands back a whole, small, JSON or event-stream answer. Whatever else a server does (a redirect,
a huge or endless body, another media type, an error page, silence) becomes the same empty 502, with the
reason kept beside it: raising in a transport would tear the library's session down.
Stops: a hostile tool server filling the memory, holding a turn, or sending the credential elsewhere.
"""

import asyncio
from urllib.parse import urlsplit

import httpx2

from chatbot.outbound.http import Limits, Service, UpstreamFailed

_MEDIA_TYPES = ("application/json", "text/event-stream")
# what the library may say; authority, length and connection are this program's own
_SENT = ("accept", "content-type", "mcp-protocol-version", "mcp-method", "mcp-name")
_CONNECT_SECONDS = 2.0


class ToolService:
    """The connections to one MCP server, kept open between calls. `seconds` bounds the longest call there will be."""

    def __init__(self, url: str, credential: str, seconds: float) -> None:
        parts = urlsplit(url)
        limits = Limits(_CONNECT_SECONDS, seconds, seconds)
        self._service = Service(f"{parts.scheme}://{parts.netloc}", limits, idle_connections=8)
        self.url = url
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._authorization = f"Bearer {credential}"

    async def post(self, body: bytes, headers: dict[str, str], most_bytes: int) -> tuple[str, bytes]:
        """Send `body` and return the answer's media type and body. Raises `UpstreamFailed` for any other outcome."""
        response = await self._service.post(self._path, body, {**headers, "authorization": self._authorization})
        try:
            if response.status != 200 or response.media_type not in _MEDIA_TYPES:
                raise UpstreamFailed(f"status {response.status}, not the answer of an MCP server")
            whole = bytearray()
            async for piece in response.pieces():
                whole += piece
                if len(whole) > most_bytes:
                    raise UpstreamFailed("the answer is too large")
        except BaseException:
            response.abort()
            raise
        return response.media_type, bytes(whole)

    async def close(self) -> None:
        """Close idle connections."""
        await self._service.close()


class ToolTransport(httpx2.AsyncBaseTransport):
    """The transport of one exchange with an MCP server; `failure` says what went wrong, for the log."""

    def __init__(self, service: ToolService, most_bytes: int) -> None:
        self._service = service
        self._most_bytes = most_bytes
        self.failure = ""

    async def handle_async_request(self, outgoing: httpx2.Request) -> httpx2.Response:
        """Send one request of the library's."""
        if outgoing.method != "POST" or outgoing.url != httpx2.URL(self._service.url):
            return self._refuse("the library asked for another way out")
        headers = {name: outgoing.headers[name] for name in _SENT if name in outgoing.headers}
        try:
            media_type, body = await self._service.post(await outgoing.aread(), headers, self._most_bytes)
        except UpstreamFailed as error:
            return self._refuse(str(error))
        except asyncio.CancelledError:
            self.failure = self.failure or "no answer in time"
            raise
        return httpx2.Response(200, headers={"content-type": media_type}, content=body, request=outgoing)

    def _refuse(self, why: str) -> httpx2.Response:
        self.failure = self.failure or why
        return httpx2.Response(502, content=b"")


def open_client(transport: ToolTransport) -> httpx2.AsyncClient:
    """Return an HTTP client whose only way out is `transport`: no redirect, no proxy, nothing of the environment's."""
    return httpx2.AsyncClient(transport=transport, follow_redirects=False, trust_env=False)
