"""Where a request comes from (control web-csrf, first half; the session's token is the second).

Stops: another site's page acting with a visitor's cookies. Unsafe methods need this application's own
Origin and, from browsers that send it, `Sec-Fetch-Site: same-origin`. Safe requests from elsewhere may only
be top-level navigations to a page. No response ever carries a CORS header. Fails closed: no Origin, no change.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from chatbot.gateway.middleware.errors import send_problem

_SAFE = frozenset({"GET", "HEAD"})
_TITLE = "The request did not come from this application's own pages"


class CrossSiteGuard:
    """Judges Origin and Fetch Metadata (W3C) on every request."""

    def __init__(self, app: ASGIApp, *, origin: str) -> None:
        self._app = app
        self._origin = origin.encode("ascii")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer 403."""
        if scope["type"] == "http" and (why := self._refusal(scope)):
            await send_problem(send, 403, _TITLE, why)
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> str | None:
        found: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name in (b"origin", b"sec-fetch-site", b"sec-fetch-mode", b"sec-fetch-dest"):
                if name in found:
                    return f"The header {name.decode()} came twice."
                found[name] = value
        origin, site = found.get(b"origin"), found.get(b"sec-fetch-site")
        if origin is not None and origin != self._origin:
            return "The Origin header names another site."
        if scope["method"] not in _SAFE:
            if origin is None:
                return "A changing request must carry an Origin header."
            return None if site in (None, b"same-origin") else "The browser says that another site asked."
        if site in (None, b"same-origin", b"none"):
            return None
        top_level = found.get(b"sec-fetch-mode") == b"navigate" and found.get(b"sec-fetch-dest") == b"document"
        page = top_level and not scope["path"].startswith("/api/")
        return None if page else "Another site may link to pages here, and no more."
