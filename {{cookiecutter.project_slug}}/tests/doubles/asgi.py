"""Calls an ASGI application without a server: for middleware at its own seam."""

import asyncio
from dataclasses import dataclass
from typing import Any

Headers = list[tuple[bytes, bytes]]


@dataclass
class Answered:
    status: int = 0
    headers: dict[bytes, bytes] = None
    body: bytes = b""


class Inner:
    """What stands behind a middleware: answers 200, notes each scope, or raises what it is given."""

    def __init__(self, headers: Headers | None = None, error: Exception | None = None) -> None:
        self.headers = headers or []
        self.error = error
        self.scopes: list[dict[str, Any]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        if self.error is not None:
            raise self.error
        await send({"type": "http.response.start", "status": 200, "headers": self.headers})
        await send({"type": "http.response.body", "body": b"inner"})


def call(app: Any, method: str = "GET", path: str = "/", headers: Headers | None = None, **scope: Any) -> Answered:
    """Send one request and return the answer."""
    answered = Answered()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answered.status, answered.headers = message["status"], dict(message["headers"])
        else:
            answered.body += message["body"]

    whole = {"type": "http", "method": method, "path": path, "headers": headers or []} | scope
    asyncio.run(app(whole, receive, send))
    return answered
