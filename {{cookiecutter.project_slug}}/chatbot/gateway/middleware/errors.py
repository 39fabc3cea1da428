"""The last catch (control app-error): a fault becomes an identifier for the caller and details for the log.

Stops: stack traces, statements, paths and addresses in answers. Fails closed: whatever is not a `Problem`
is answered with a fixed text.
"""

import logging
from html import escape
from typing import Any

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatbot.core.errors import Problem
from chatbot.core.ids import new_identifier

_log = logging.getLogger("chatbot.gateway")
_KINDS = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
_SENTENCES = {
    403: "You do not have access to this page. Ask an administrator.",
    404: "There is no page at this address.",
    405: "This address cannot be opened in a browser.",
}
# whoever is not let in, or asks too often, keeps no connection
_ENDS_CONNECTION = frozenset({401, 408, 413, 421, 429, 503})
FAULT = "Something failed on our side. Try again; if it goes on, report the identifier."


def write_refusal(scope: Scope, problem: Problem, identifier: str) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """Return body and headers of a refusal, in the form that the caller's interface uses."""
    body, kind = refusal_body(scope, problem, identifier)
    headers = [
        (b"content-type", kind.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"x-request-id", identifier.encode()),
        *problem.headers,
    ]
    if problem.status in _ENDS_CONNECTION:
        headers.append((b"connection", b"close"))
    if problem.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    return body, headers


def refusal_body(scope: Scope, problem: Problem, identifier: str) -> tuple[bytes, str]:
    """Return body and media type: a problem document (RFC 9457), an error object for OpenAI's clients, or a page."""
    path = scope["path"]
    if path == "/v1" or path.startswith("/v1/"):
        return _error_object(problem, identifier), "application/json"
    if (page := scope.get("error_page")) and _is_navigation(scope):
        return _page(page, problem, identifier), "text/html; charset=utf-8"
    found: dict[str, Any] = {"type": problem.kind, "status": problem.status, "title": problem.title, "id": identifier}
    if problem.detail:
        found["detail"] = problem.detail
    return orjson.dumps(found), "application/problem+json"


def _is_navigation(scope: Scope) -> bool:
    """Say whether a browser opens an address for a person to read (Fetch Metadata)."""
    told = {name: value for name, value in scope["headers"] if name in (b"sec-fetch-dest", b"accept")}
    wants = told.get(b"sec-fetch-dest") == b"document" and b"text/html" in told.get(b"accept", b"")
    return scope["method"] == "GET" and wants and not scope["path"].startswith("/api/")


def _page(page: str, problem: Problem, identifier: str) -> bytes:
    again = problem.status in (400, 401)
    address, action = ("/sign-in", "Sign in") if again else ("/", "Go to the chat")
    words = {"title": problem.title, "detail": problem.detail or _SENTENCES.get(problem.status, ""), "id": identifier}
    for name, text in (words | {"address": address, "action": action}).items():
        page = page.replace(f"[{name}]", escape(text))
    return page.encode()


def _error_object(problem: Problem, identifier: str) -> bytes:
    """Return the error object of the OpenAI API's published schema (`ErrorResponse`)."""
    message = ". ".join(part.rstrip(".") for part in (problem.title, problem.detail) if part)
    kind = _KINDS.get(problem.status, "server_error" if problem.status >= 500 else "invalid_request_error")
    error = {"message": f"{message}. ({identifier})", "type": kind, "param": problem.param, "code": problem.code}
    return orjson.dumps({"error": error})


async def send_problem(scope: Scope, send: Send, problem: Problem, identifier: str = "") -> None:
    """Answer with a refusal."""
    body, headers = write_refusal(scope, problem, identifier or scope.get("request_id") or new_identifier())
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class ErrorBoundary:
    """Turns what is raised below into problem documents. `page` is what a person is shown instead."""

    def __init__(self, app: ASGIApp, page: str = "") -> None:
        self._app = app
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and answer for whatever fails before a response began."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["error_page"] = self._page
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
            await send_problem(scope, send, problem)
        except Exception as error:
            identifier = scope.get("request_id") or new_identifier()
            _log.error("fault", exc_info=error, extra={"id": identifier, "method": scope["method"]})
            if started:
                return  # the response has begun: it ends here, cut short
            await send_problem(scope, send, Problem(FAULT, status=500, title="Internal fault"), identifier)
