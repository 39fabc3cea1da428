"""Answers clients of HTTP/1.0, which know no chunked coding: their answer is whole, with its length.

A stream for such a client is collected, within bounds, and sent at its end (RFC 9112, section 6.1).
"""

from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_MAX_BYTES = 8 * 1024 * 1024


class Http10Responses:
    """Collects an answer without a length."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and collect for HTTP/1.0."""
        if scope["type"] == "http" and scope["http_version"] == "1.0":
            send = _Collector(send).send
        await self._app(scope, receive, send)


class _Collector:
    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: dict[str, Any] = {}
        self._body = b""

    async def send(self, message: Message) -> None:
        """Take a message; send on what has a length, and what is complete."""
        if message["type"] == "http.response.start":
            if any(name == b"content-length" for name, _ in message["headers"]):
                await self._send(message)
            else:
                self._start = dict(message)
        elif not self._start:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if len(self._body) > _MAX_BYTES:
                raise ValueError("an answer too large for HTTP/1.0")
            if not message.get("more_body", False):
                length = (b"content-length", str(len(self._body)).encode())
                start = self._start | {"headers": [*self._start["headers"], length]}
                self._start = {}
                await self._send(start)
                await self._send({"type": "http.response.body", "body": self._body})
