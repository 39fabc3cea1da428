"""The Host header must name this application (part of control web-csrf).

Stops: DNS rebinding, and decisions spoiled by a forged host (CVE-2026-48710). The value is compared whole,
before routing; nothing else in the program reads it. Fails closed: one missing, repeated or different is refused.
Two answers are given under any name: load balancers and orchestrators probe an instance by its own address, and are
told up or down, as everybody is.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from chatbot.core.errors import Problem
from chatbot.gateway.middleware.errors import send_problem
from chatbot.monitoring.refusals import note_refusal

_PROBES = ("/healthz", "/readyz")


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
        if scope["type"] == "http" and not _is_probe(scope):
            hosts = [value for name, value in scope["headers"] if name == b"host"]
            if hosts != [self._services if "peer_chain" in scope else self._authority]:
                note_refusal("web-csrf", "another host")
                await send_problem(scope, send, WrongHost("This server does not answer for that name."))
                return
        await self._app(scope, receive, send)


def _is_probe(scope: Scope) -> bool:
    """Say whether a health check is asked for, at the public port and with as many hosts as its protocol demands."""
    if scope["method"] != "GET" or scope["path"] not in _PROBES or "peer_chain" in scope:
        return False
    hosts = sum(name == b"host" for name, _ in scope["headers"])
    return hosts == 1 or (hosts == 0 and bool(scope["http_version"] == "1.0"))  # RFC 9112, section 3.2
