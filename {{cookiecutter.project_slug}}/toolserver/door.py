"""The tool server's door: nobody comes in without the server's own credential.

Stops any other program of the machine, and a page in a browser, from using the tools. The credential is a
secret that only this server and its client hold. Fails closed: no credential, no answer but 401.
"""

import hmac

from starlette.types import ASGIApp, Receive, Scope, Send

_REFUSED = [(b"content-length", b"0"), (b"www-authenticate", b"Bearer")]
_ALIVE = [(b"content-length", b"0"), (b"cache-control", b"no-store")]


class Door:
    """Lets requests with the bearer credential through; `GET /healthz` says only that the server runs."""

    def __init__(self, app: ASGIApp, credential: str) -> None:
        if len(credential) < 32:
            raise ValueError("the credential must have 32 characters or more")
        self._app = app
        self._expected = b"Bearer " + credential.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] != "http":
            raise RuntimeError("this server speaks HTTP only")
        elif (scope["method"], scope["path"]) == ("GET", "/healthz"):
            await _answer(send, 204, _ALIVE)
        elif self._is_open(scope):
            await self._app(scope, receive, send)
        else:
            await _answer(send, 401, _REFUSED)

    def _is_open(self, scope: Scope) -> bool:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        # one header only: two parsers must not choose differently
        return len(given) == 1 and hmac.compare_digest(given[0], self._expected)


async def _answer(send: Send, status: int, headers: list[tuple[bytes, bytes]]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
