"""What a request is for and where it comes from, found once, before anybody decides on it."""

from starlette.types import ASGIApp, Receive, Scope, Send

from chatbot.core.ids import new_identifier
from chatbot.gateway.access.actions import ActionTable
from chatbot.gateway.access.client import Networks, find_client
from chatbot.gateway.cookies import CookieNames, read_cookie


class Arrival:
    """Puts `request_id`, `matched` (template and action), `client_address` and `session_cookie` into the scope."""

    def __init__(self, app: ASGIApp, *, actions: ActionTable, proxies: Networks, cookies: CookieNames) -> None:
        self._app = app
        self._actions = actions
        self._proxies = proxies
        self._cookie = cookies.session

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on."""
        if scope["type"] == "http":
            scope["request_id"] = new_identifier()
            scope["matched"] = self._actions.find(scope["method"], scope["path"])
            scope["session_cookie"] = read_cookie(scope["headers"], self._cookie)
            scope["client_address"] = find_client(scope, self._proxies)
        await self._app(scope, receive, send)
