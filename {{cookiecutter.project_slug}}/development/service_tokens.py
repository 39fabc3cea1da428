"""Services at the development provider: grant, introspection and revocation (RFC 6749, 7662, 7009), RFC 9068 tokens."""

import base64
import hmac
import secrets
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from starlette.requests import Request

from development.accounts import SERVICES

_TOKEN_SECONDS = 600


async def form_fields(request: Request) -> dict[str, str]:
    """Return a form's fields, so far as the longest that is ever needed."""
    body = await request.body()
    return dict(parse_qsl(body[:16384].decode("utf-8", "replace"), keep_blank_values=True))


def read_basic(authorization: str, secrets_by_client: Mapping[str, str]) -> str | None:
    """Return which client proves itself by HTTP Basic, or None."""
    try:
        kind, _, value = authorization.partition(" ")
        identifier, _, secret = base64.b64decode(value).decode().partition(":")
    except ValueError:
        return None
    expected = secrets_by_client.get(identifier, secrets.token_urlsafe(32))
    fits = hmac.compare_digest(secret.encode(), expected.encode())
    return identifier if fits and kind.lower() == "basic" and identifier in secrets_by_client else None


class ServiceTokens:
    """What was issued and not revoked, by its `jti`; in memory, short-lived."""

    def __init__(self, issuer: str, audience: str, key: ECKey) -> None:
        self._issuer = issuer
        self._audience = audience
        self._key = key
        self._living: dict[str, float] = {}

    def issue(self, client: str, form: Mapping[str, str]) -> dict[str, Any]:
        """Return the token answer for a service: the scopes that it asked for, all of its own when it named none.

        `resource` in the form is whom the token is for (RFC 8707), the application when it is empty. `expires_in` asks
        for another life in seconds, as no real provider lets a client: tests need tokens that have expired.
        """
        scope, resource = form.get("scope", ""), form.get("resource", "")
        life = int(form.get("expires_in") or _TOKEN_SECONDS)
        allowed = SERVICES[client]["scopes"]
        granted = [name for name in (scope.split() or allowed) if name in allowed]
        if not granted:
            return {"error": "invalid_scope"}
        now = int(time.time())
        self._living = {name: until for name, until in self._living.items() if until > now}
        name = secrets.token_urlsafe(16)
        claims = {
            "iss": self._issuer,
            "aud": resource or self._audience,
            "sub": client,
            "client_id": client,
            "scope": " ".join(granted),
            "iat": now - _TOKEN_SECONDS if life < 0 else now,
            "exp": now + life,
            "jti": name,
        }
        self._living[name] = now + _TOKEN_SECONDS  # whatever its own end is: who looks at it is the application
        token = jwt.encode({"alg": "ES256", "kid": self._key.kid, "typ": "at+jwt"}, claims, self._key)
        return {"token_type": "Bearer", "expires_in": life, "scope": claims["scope"], "access_token": token}

    def introspect(self, token: str) -> dict[str, Any]:
        """Return what RFC 7662 says of a token; nothing more than that it is not active if it is not."""
        claims = self._claims(token)
        if self._living.get(claims.get("jti", ""), 0.0) <= time.time():
            return {"active": False}
        return {"active": True, "token_type": "Bearer", **claims}

    def revoke(self, token: str, client: str) -> None:
        """Forget a token of the client's own; of another one's, do nothing (RFC 7009, section 2.1)."""
        claims = self._claims(token)
        if claims.get("client_id") == client:
            self._living.pop(claims["jti"], None)

    def _claims(self, token: str) -> dict[str, Any]:
        try:
            return dict(jwt.decode(token, self._key, algorithms=["ES256"]).claims)
        except (JoseError, ValueError):
            return {}
