"""The last catch (control app-error): a fault becomes an identifier for the caller and details for the log.

Stops: stack traces, statements, paths and addresses in answers. Fails closed: whatever is not a `Problem`
is answered with a fixed text.
"""

import logging
import secrets
from typing import Any

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatbot.core.errors import Problem

_log = logging.getLogger("chatbot.gateway")
FAULT = "Something failed on our side. Try again; if it goes on, report the identifier."


def problem_body(status: int, title: str, detail: str, identifier: str) -> bytes:
    """Return an RFC 9457 problem document."""
    problem: dict[str, Any] = {"type": "about:blank", "status": status, "title": title, "id": identifier}
    if detail:
        problem["detail"] = detail
    return orjson.dumps(problem)


def new_identifier() -> str:
    """Return an identifier by which a caller's report is found in the log."""
    return secrets.token_hex(8)


async def send_problem(
    send: Send, status: int, title: str, detail: str, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> None:
    """Answer with a problem document."""
    body = problem_body(status, title, detail, new_identifier())
    start = [(b"content-type", b"application/problem+json"), (b"content-length", str(len(body)).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})


class ErrorBoundary:
    """Turns what is raised below into problem documents."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and answer for whatever fails before a response began."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Problem as problem:
            if started:
                raise
            await send_problem(send, problem.status, problem.title, problem.detail)
        except Exception as error:
            identifier = new_identifier()
            _log.error("fault", exc_info=error, extra={"id": identifier, "method": scope["method"]})
            if started:
                return  # the response has begun: it ends here, cut short
            body = problem_body(500, "Internal fault", FAULT, identifier)
            start = [(b"content-type", b"application/problem+json"), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 500, "headers": start})
            await send({"type": "http.response.body", "body": body})
