"""Response headers (control web-csp): one policy for every answer, errors included.

Stops: injected script, framing, form theft, sniffing, cross-origin reading. Nothing inline, nothing from
elsewhere, no string ever becomes markup (Trusted Types without a policy). Fails closed: a route cannot
weaken these headers, since they are written last.
"""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "manifest-src": "'self'",
    "worker-src": "'none'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
    "report-uri": "/csp-report",
}
_FEATURES = (
    "accelerometer",
    "autoplay",
    "camera",
    "clipboard-read",
    "display-capture",
    "encrypted-media",
    "fullscreen",
    "geolocation",
    "gyroscope",
    "hid",
    "identity-credentials-get",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "publickey-credentials-get",
    "screen-wake-lock",
    "serial",
    "usb",
    "xr-spatial-tracking",
)
HEADERS = {
    "content-security-policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": ", ".join(f"{name}=()" for name in _FEATURES),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_TRANSPORT_SECURITY = "max-age=63072000; includeSubDomains"  # two years, RFC 6797


def policy_headers(*, https: bool) -> list[tuple[bytes, bytes]]:
    """Return the policy's headers for an origin with or without TLS."""
    headers = dict(HEADERS)
    if https:  # never for a development host on plain HTTP: it would lock out its other ports
        headers["strict-transport-security"] = _TRANSPORT_SECURITY
    return [(name.encode(), value.encode()) for name, value in headers.items()]


class SecurityHeaders:
    """Writes the policy onto every response; what a route says of caching stays, else nothing is kept."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._raw = policy_headers(https=https)
        self._names = frozenset(name for name, _ in self._raw)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, adding the headers to the response's start."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [pair for pair in message.get("headers", ()) if pair[0].lower() not in self._names]
                message["headers"] = [*kept, *self._raw]
                MutableHeaders(raw=message["headers"]).setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)
