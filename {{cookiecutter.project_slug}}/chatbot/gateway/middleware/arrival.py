"""What a request is for and where it comes from, found once, before anybody decides on it."""

from starlette.types import ASGIApp, Receive, Scope, Send

from chatbot.gateway.access.actions import ActionTable
from chatbot.gateway.access.client import Networks, find_client


class Arrival:
    """Puts `matched` (template and action) and `client_address` into the scope."""

    def __init__(self, app: ASGIApp, *, actions: ActionTable, proxies: Networks) -> None:
        self._app = app
        self._actions = actions
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on."""
        if scope["type"] == "http":
            scope["matched"] = self._actions.find(scope["method"], scope["path"])
            scope["client_address"] = find_client(scope, self._proxies)
        await self._app(scope, receive, send)
