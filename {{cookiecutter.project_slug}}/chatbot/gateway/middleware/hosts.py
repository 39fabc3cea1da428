"""The Host header must name this application (part of control web-csrf).

Stops: DNS rebinding, and decisions spoiled by a forged host (CVE-2026-48710). The value is compared whole,
before routing; nothing else in the program reads it. Fails closed: one missing, repeated or different is refused.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from chatbot.core.errors import Problem
from chatbot.gateway.middleware.errors import send_problem
from chatbot.monitoring.refusals import note_refusal


class WrongHost(Problem):
    """The request names another server."""

    status = 421
    title = "Wrong host"


class HostGuard:
    """Admits requests for one exact authority; the services' port has its own."""

    def __init__(self, app: ASGIApp, *, authority: str, services: str = "") -> None:
        self._app = app
        self._authority = authority.encode("ascii")
        self._services = services.encode("ascii")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer 421 (RFC 9110, section 15.5.20)."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # there are none
            return
        if scope["type"] == "http":
            hosts = [value for name, value in scope["headers"] if name == b"host"]
            if hosts != [self._services if "peer_chain" in scope else self._authority]:
                note_refusal("web-csrf", "another host")
                await send_problem(scope, send, WrongHost("This server does not answer for that name."))
                return
        await self._app(scope, receive, send)
