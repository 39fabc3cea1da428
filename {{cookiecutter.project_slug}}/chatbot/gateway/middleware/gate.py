"""Who asks (control api-auth).

Stops: a route that was forgotten. The gate stands before routing and knows only the short public table:
every other path, existing or not, needs a principal. One round trip to Valkey. Fails closed: no session
store, no entry.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from chatbot.core.errors import SignInRequired
from chatbot.gateway.cookies import CookieNames, read_cookie
from chatbot.identity.sessions import SessionStore
from chatbot.monitoring.refusals import note_refusal

_SAFE = frozenset({"GET", "HEAD"})
SIGN_IN = "/sign-in"


class Gate:
    """Puts the principal into `scope["principal"]`, or refuses."""

    def __init__(
        self, app: ASGIApp, *, sessions: SessionStore, cookies: CookieNames, public: frozenset[tuple[str, str]]
    ) -> None:
        self._app = app
        self._sessions = sessions
        self._cookie = cookies.session
        self._public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on with a principal, or raise `SignInRequired`."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        if (method, scope["path"]) in self._public:
            await self._app(scope, receive, send)
            return
        token = read_cookie(scope["headers"], self._cookie)
        principal = await self._sessions.find(token) if token else None
        if token is None or principal is None:
            if _is_page(scope):
                await _redirect(send)
                return
            note_refusal("api-auth", "no session")
            raise SignInRequired("Your session has ended or never began. Sign in and try again.")
        scope["principal"] = principal
        scope["session_token"] = token
        await self._app(scope, receive, send)


def _is_page(scope: Scope) -> bool:
    """Say whether a person's browser is opening a page, so that a redirect helps more than an error."""
    if scope["method"] not in _SAFE or scope["path"].startswith("/api/"):
        return False
    return any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])


async def _redirect(send: Send) -> None:
    headers = [(b"location", SIGN_IN.encode()), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
