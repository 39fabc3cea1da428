"""Each request in somebody's name becomes a record (part of control api-audit).

A record holds the route's own template and never the path or the query as sent, which may hold anything.
"""

import re
import time
from collections.abc import Mapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatbot.core.errors import Problem
from chatbot.core.principal import Principal
from chatbot.gateway.access.client import client_address
from chatbot.identity.admission import Admission, Carrier
from chatbot.identity.permissions import Action
from chatbot.limits.spending import Spending
from chatbot.monitoring.audit import AuditEvent, AuditTrail

# of what a path holds only what has the form of our own identifiers: anything else is the caller's text
_IDENTIFIER = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9]{1,19}|[0-9a-f]{16}")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_UNRECORDED = frozenset({Action.OPEN_PAGE})  # it shows nothing yet: what it then reads is recorded


class Recorder:
    """Records who did what and how it ended; in front of whatever may refuse it, so that refusals are recorded too."""

    def __init__(self, app: ASGIApp, *, trail: AuditTrail) -> None:
        self._app = app
        self._trail = trail

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and add the record. Raises `Unavailable` before an act that could not be recorded."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] not in _SAFE:
            self._trail.require()
        began, status = time.time(), 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if not any(name == b"x-request-id" for name, _ in message["headers"]):
                    named = (b"x-request-id", scope["request_id"].encode())
                    message = {**message, "headers": [*message["headers"], named]}
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Problem as problem:
            status = problem.status
            raise
        finally:
            admission: Admission | None = scope.get("admission")
            if admission is not None and scope["matched"].action not in _UNRECORDED:
                self._trail.add(AuditEvent(admission.principal.tenant_id, _fields(scope, admission, began, status)))


def record_sign_in(
    trail: AuditTrail, scope: Scope, who: Principal, action: str, status: int, session: str = ""
) -> None:
    """Add the record of a sign-in, or of its end by the provider: nobody was let in by this request itself."""
    fields = {
        "user": str(who.user_id),
        "at": time.time(),
        "carrier": Carrier.SESSION,
        "credential": session,
        "action": action,
        "status": status,
        "request": scope["request_id"],
        "address": client_address(scope),
        "milliseconds": 0,
    }
    trail.add(AuditEvent(who.tenant_id, fields))


def _fields(scope: Scope, admission: Admission, began: float, status: int) -> Mapping[str, Any]:
    template, action = scope["matched"]
    spending: Spending | None = scope.get("spending")
    objects = scope.get("path_params") or {}
    return {
        "user": str(admission.principal.user_id),
        "at": began,
        "carrier": admission.carrier,
        "credential": admission.credential,
        "action": action or f"{scope['method'][:10]} {template or 'nowhere'}",
        "object": ", ".join(filter(_IDENTIFIER.fullmatch, map(str, objects.values()))) or None,
        "status": status,
        "request": scope["request_id"],
        "address": client_address(scope),
        "milliseconds": int((time.time() - began) * 1000),
        "prompt": spending.prompt_tokens if spending else None,
        "answer": spending.answer_tokens if spending else None,
        "micros": spending.used.micros if spending else None,
    }
