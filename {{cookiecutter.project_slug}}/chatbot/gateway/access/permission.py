"""The policy's place on the path (part of control api-authz): behind the gate, before routing, for every route."""

from starlette.types import ASGIApp, Receive, Scope, Send

from chatbot.core.errors import NotFound
from chatbot.gateway.public import PUBLIC
from chatbot.identity.permissions import require


class PermissionGuard:
    """Holds what was matched against the policy. A path that no row names does not exist."""

    def __init__(self, app: ASGIApp, *, fresh_seconds: float, public: frozenset[tuple[str, str]] = PUBLIC) -> None:
        self._app = app
        self._fresh_seconds = fresh_seconds
        self._public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or raise `NotFound`, `Forbidden` or `SignInAgain`. What is public has no admission."""
        admission = scope.get("admission")
        if admission is not None:
            template, action = scope["matched"]
            method = "GET" if scope["method"] == "HEAD" else scope["method"]
            if template is None or (method, template) in self._public:  # at the services' port nothing is public
                raise NotFound
            if action is not None:  # else the router says which methods there are
                require(admission, action, self._fresh_seconds)
        await self._app(scope, receive, send)
