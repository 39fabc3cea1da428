"""How much at once (control api-capacity): requests under way in this process.

Stops: more work than the process has memory for, from however many clients. What one person may have under way is
counted in the gate's round trip, time-outs of connections are in `chatbot/gateway/serving/timed.py`, those of bodies in
`chatbot/gateway/middleware/body.py`, and an answer whose reader left is stopped by `chatbot/gateway/exchange.py`.
Fails closed: what is too much is refused with 503 before anything is done for it.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from chatbot.core.errors import Unavailable
from chatbot.monitoring.refusals import note_refusal

_ALIVE = "/healthz"  # a busy process is not a dead one; at the services' port nobody asks that


class Overloaded(Unavailable):
    """The process has as much under way as it may."""

    title = "Too much at once"
    headers = ((b"retry-after", b"1"),)


class CapacityGuard:
    """Counts what is under way."""

    def __init__(self, app: ASGIApp, *, most: int) -> None:
        self._app = app
        self._most = most
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or raise `Overloaded`."""
        if scope["type"] != "http" or (scope["path"] == _ALIVE and "peer_chain" not in scope):
            await self._app(scope, receive, send)
            return
        if self._open >= self._most:
            note_refusal("api-capacity", "requests at once")
            raise Overloaded("The server has as much to do as it can. Try again in a moment.")
        self._open += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._open -= 1
