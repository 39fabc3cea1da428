"""How many bytes a request's body may have.

Stops: a body that fills the memory before anybody looks at it. The announced length is judged before anything is read,
what then arrives is counted, by one table of routes with a small default. Fails closed: what is not in the table has
the default.
"""

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatbot.core.errors import Problem, TooLarge

DEFAULT_BYTES = 64 * 1024


class BodyTooLarge(HTTPException):
    """More arrived than is taken. Of Starlette's kind: FastAPI turns any other that is met while reading into a 400."""


class BodyLimit:
    """Counts the bytes of every request's body."""

    def __init__(self, app: ASGIApp, *, routes: Mapping[tuple[str, str], int]) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or raise `TooLarge`."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = self._routes.get((scope["method"], scope["path"]), DEFAULT_BYTES)
        arrived = 0
        if _announced(scope) > most:
            raise TooLarge(_why(most))

        async def count() -> Message:
            nonlocal arrived
            message = await receive()
            arrived += len(message.get("body", b""))
            if arrived > most:
                raise BodyTooLarge(413, _why(most))
            return message

        await self._app(scope, count, send)


def _announced(scope: Scope) -> int:
    lengths = {value for name, value in scope["headers"] if name == b"content-length"}
    if len(lengths) > 1 or not all(value.isdigit() for value in lengths):
        raise Problem("The Content-Length header is not a number.")
    return int(lengths.pop()) if lengths else 0


def _why(most: int) -> str:
    size = f"{most // 1024} KB" if most < 1024 * 1024 else f"{most // 1024 // 1024} MB"
    return f"At most {size} are taken here."
