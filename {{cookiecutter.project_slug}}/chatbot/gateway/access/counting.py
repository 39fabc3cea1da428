"""Rates on the path (control api-rate): by address before anybody's secret is looked at, by person behind the gate.

The routes that answer are counted in the gate's own round trip; every other one here, through slowapi's limiter.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatbot.gateway.access.client import client_address, client_bucket
from chatbot.gateway.access.rates import RateTable, is_answering
from chatbot.limits.limiter import AsyncLimiter

PublicPaths = frozenset[tuple[str, str]]
_FILES = "/assets/"
_CHECKS = frozenset({"/healthz", "/readyz"})


class AddressRates:
    """Counts by address. The page's own files and health checks are counted by each process alone: they cost little.

    With a credential they cost as much as anything else: it is looked at.
    """

    def __init__(self, app: ASGIApp, *, limiter: AsyncLimiter, rates: RateTable, public: PublicPaths) -> None:
        self._app = app
        self._limiter = limiter
        self._rates = rates
        self._public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or raise `RateLimited`."""
        if scope["type"] == "http":
            address, path = client_bucket(client_address(scope)), scope["path"]
            credential = "peer_chain" in scope or any(name == b"authorization" for name, _ in scope["headers"])
            if not credential and (path.startswith(_FILES) or path in _CHECKS):
                await self._limiter.hit_alone(self._rates.files(), address)
            elif credential or not is_answering(scope) or scope["session_cookie"] is None:
                rows = self._rates.by_address(path, credential=credential)
                public = (scope["method"], path) in self._public
                hit = self._limiter.hit_public if public else self._limiter.hit
                await hit(rows, address)
        await self._app(scope, receive, send)


class PersonRates:
    """Counts by person, and tells everybody in RateLimit headers how much is left."""

    def __init__(self, app: ASGIApp, *, limiter: AsyncLimiter, rates: RateTable) -> None:
        self._app = app
        self._limiter = limiter
        self._rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or raise `RateLimited`. What is public has no person."""
        admission = scope.get("admission")
        if admission is None:
            await self._app(scope, receive, send)
            return
        headers = scope.get("rate_headers")
        if headers is None:
            headers = await self._limiter.hit(self._rates.by_person(scope["matched"]), str(admission.principal.user_id))

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *headers]}
            await send(message)

        await self._app(scope, receive, send_with_headers)
