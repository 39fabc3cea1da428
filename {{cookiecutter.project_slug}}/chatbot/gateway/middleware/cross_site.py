"""Where a request comes from (control web-csrf).

Stops: another site's page acting with a visitor's cookies. Unsafe methods need this application's own
Origin, `Sec-Fetch-Site: same-origin` from browsers that send it, and the session's own token. Safe requests
from elsewhere may only be top-level navigations to a page. A program's request, with an Authorization header or a
certificate and no sign of a browser, needs none of this: it carries nothing that somebody else's page could borrow; nor
does what the identity provider sends (`UNSOLICITED`), where no cookie counts. No response ever carries a CORS header.
Fails closed: no Origin, no change.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from chatbot.core.errors import CrossSiteRequest
from chatbot.gateway.middleware.errors import send_problem
from chatbot.gateway.public import UNSOLICITED
from chatbot.identity.sessions import SessionStore
from chatbot.monitoring.refusals import note_refusal

_SAFE = frozenset({"GET", "HEAD"})
_JUDGED = frozenset({b"origin", b"sec-fetch-site", b"sec-fetch-mode", b"sec-fetch-dest", b"authorization"})
_CSRF_HEADER = b"x-csrf-token"


class CrossSiteGuard:
    """Judges Origin and Fetch Metadata (W3C) on every request."""

    def __init__(self, app: ASGIApp, *, origin: str) -> None:
        self._app = app
        self._origin = origin.encode("ascii")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer 403."""
        if scope["type"] == "http" and (why := self._refusal(scope)):
            note_refusal("web-csrf", why)
            await send_problem(scope, send, CrossSiteRequest(why))
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> str | None:
        found: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name in _JUDGED:
                if name in found:
                    return f"The header {name.decode()} came twice."
                found[name] = value
        origin, site = found.get(b"origin"), found.get(b"sec-fetch-site")
        if origin is not None and origin != self._origin:
            return "The Origin header names another site."
        if scope["method"] not in _SAFE:
            by_program = b"authorization" in found or "peer_chain" in scope or _is_unsolicited(scope)
            return self._refusal_of_change(origin, site, by_program=by_program)
        if site in (None, b"same-origin", b"none"):
            return None
        top_level = found.get(b"sec-fetch-mode") == b"navigate" and found.get(b"sec-fetch-dest") == b"document"
        page = top_level and not scope["path"].startswith("/api/")
        return None if page else "Another site may link to pages here, and no more."

    @staticmethod
    def _refusal_of_change(origin: bytes | None, site: bytes | None, *, by_program: bool) -> str | None:
        if origin is None and site is None and by_program:
            return None  # a browser sends one of them, and the gate takes no cookie beside these
        if origin is None:
            return "A changing request must carry an Origin header."
        return None if site in (None, b"same-origin") else "The browser says that another site asked."


def _is_unsolicited(scope: Scope) -> bool:
    return (scope["method"], scope["path"]) in UNSOLICITED


def has_session_token(scope: Scope, sessions: SessionStore, token: str) -> bool:
    """Say whether the request carries the own token of the session `token`, once."""
    claimed = [value for name, value in scope["headers"] if name == _CSRF_HEADER]
    return len(claimed) == 1 and sessions.is_csrf_token(token, claimed[0].decode("latin-1"))


class SessionTokenGuard:
    """Wants the session's own token on every unsafe request that comes with a session; stands behind the gate."""

    def __init__(self, app: ASGIApp, *, sessions: SessionStore) -> None:
        self._app = app
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or raise `CrossSiteRequest`."""
        token = scope.get("session_token")
        if token is None or scope["method"] in _SAFE:
            await self._app(scope, receive, send)
            return
        if not has_session_token(scope, self._sessions, token):
            note_refusal("web-csrf", "no token of the session")
            raise CrossSiteRequest("The session's own token is missing or wrong. Reload the page.")
        await self._app(scope, receive, send)
