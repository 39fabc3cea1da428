"""The way out to one MCP server: one address, one credential, whole small answers.

Whatever else a server does (a redirect, a huge or endless body, another media type, an error page, silence) is a
failure with a reason for the log. Stops: a hostile tool server filling the memory, holding a turn, or sending the
credential elsewhere.
"""

from urllib.parse import urlsplit

from chatbot.outbound.connection import UpstreamFailed
from chatbot.outbound.http import Limits, Service

_MEDIA_TYPES = ("application/json", "text/event-stream")
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
