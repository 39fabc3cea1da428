"""Who asks (control api-auth).

Stops: a route that was forgotten. The gate stands before routing and knows only the short public table:
every other path, existing or not, needs a principal, by a session's cookie, by an API key, by a service's access
token or, at the services' own port, by its certificate, never by two of them. Fails closed: no store of sessions or
keys, no issuer that answers, no entry.
"""

import asyncio
import time
from functools import partial

from starlette.types import ASGIApp, Receive, Scope, Send

from chatbot.core.errors import Problem, SignInRequired
from chatbot.database.calls.programs import Programs
from chatbot.gateway.access.charging import Charging
from chatbot.gateway.access.client import client_address, client_bucket
from chatbot.gateway.access.rates import is_answering
from chatbot.gateway.middleware.cross_site import has_session_token
from chatbot.identity.admission import Admission
from chatbot.identity.sessions import SessionStore
from chatbot.limits.limiter import AsyncLimiter
from chatbot.monitoring.refusals import note_refusal

_SAFE = frozenset({"GET", "HEAD"})
SIGN_IN = "/sign-in"


class InvalidKey(SignInRequired):
    """A credential came that opens nothing."""

    title = "The key, token or certificate is not valid"
    code = "invalid_api_key"


class Gate:
    """Puts the admission and its principal into the scope, or refuses. What an answer costs is settled here at last."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        sessions: SessionStore,
        keys: Programs,
        charging: Charging,
        limiter: AsyncLimiter,
        public: frozenset[tuple[str, str]],
    ) -> None:
        self._app = app
        self._sessions = sessions
        self._keys = keys
        self._charging = charging
        self._limiter = limiter
        self._public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on with a principal, or raise `SignInRequired`."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["admitted_at"] = time.monotonic()
        chain = scope.get("peer_chain")
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        if chain is None and (method, scope["path"]) in self._public:
            await self._app(scope, receive, send)
            return
        token = scope["session_cookie"]
        carried = [value for name, value in scope["headers"] if name == b"authorization"]
        if carried or chain is not None:
            await self._admit_program(scope, carried, chain, token)
        elif not await self._admit_by_session(scope, token):
            if _is_page(scope):
                await _redirect(scope, send)
                return
            note_refusal("api-auth", "no session")
            raise SignInRequired("Your session has ended or never began. Sign in and try again.")
        try:
            await self._app(scope, receive, send)
        finally:
            if (spending := scope.get("spending")) is not None:
                await asyncio.shield(spending.settle())  # even when nobody waits any more

    async def _admit_by_session(self, scope: Scope, token: str | None) -> bool:
        if token is None:
            return False
        if is_answering(scope):
            # without the session's own token the request is refused: nothing is reserved for it
            asked = self._charging.ask(scope, reserve=has_session_token(scope, self._sessions, token))
            admission = await self._charging.charge(scope, asked, partial(self._sessions.find_and_charge, token))
        else:
            admission = await self._sessions.find(token)
        if admission is None:
            return False
        _admit(scope, admission)
        scope["session_token"] = token
        return True

    async def _admit_program(
        self, scope: Scope, carried: list[bytes], chain: tuple[bytes, ...] | None, token: str | None
    ) -> None:
        """Put in whom the key, token or certificate stands for. What it reaches is the policy's to say."""
        if (token is not None) + len(carried) + (chain is not None) > 1:
            note_refusal("api-auth", "more than one credential")
            raise Problem("Send one credential: a session's cookie, one Authorization header, or a certificate.")
        if chain is not None:
            admission = await self._keys.find_by_certificate(chain)
        else:
            kind, _, text = carried[0].decode("latin-1").partition(" ")
            admission = await self._keys.find(text, client_address(scope)) if kind.lower() == "bearer" else None
        if admission is None:
            note_refusal("api-auth", "no such key")
            await self._limiter.hit([self._charging.refused], client_bucket(client_address(scope)))
            raise InvalidKey(
                "It is unknown, has expired, was revoked, or is not for use from here. Make a new key in the settings,"
                " or get a new token or certificate."
            )
        _admit(scope, admission)
        if is_answering(scope):
            await self._charging.charge_program(scope, admission)


def _admit(scope: Scope, admission: Admission) -> None:
    scope["admission"] = admission
    scope["principal"] = admission.principal


def _is_page(scope: Scope) -> bool:
    """Say whether a person's browser is opening a page, so that a redirect helps more than an error."""
    if scope["method"] not in _SAFE or scope["path"].startswith(("/api/", "/v1/")):
        return False
    return any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])


async def _redirect(scope: Scope, send: Send) -> None:
    """Send a browser to the sign-in page. The page it came for stands behind #, which never leaves the browser."""
    page = scope["path"][:20]
    behind = f"#{page}" if page[1:].isalpha() and page.isascii() else ""
    headers = [(b"location", f"{SIGN_IN}{behind}".encode()), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
