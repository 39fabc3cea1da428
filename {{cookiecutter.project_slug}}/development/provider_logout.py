"""How the development provider says that somebody's session has ended (OpenID Connect Back-Channel Logout 1.0)."""

import secrets
import time
from typing import Any
from urllib.parse import urlsplit

import httpx2
from joserfc import jwt
from joserfc.jwk import ECKey

EVENT = "http://schemas.openid.net/event/backchannel-logout"


def logout_token(key: ECKey, issuer: str, client: str, **claims: object) -> str:
    """Return a logout token for a `sub`, a `sid` or both."""
    now = int(time.time())
    told: dict[str, Any] = {
        "iss": issuer,
        "aud": client,
        "iat": now,
        "exp": now + 120,
        "jti": secrets.token_urlsafe(16),
        "events": {EVENT: {}},
        **claims,
    }
    return jwt.encode({"alg": "ES256", "kid": key.kid, "typ": "logout+jwt"}, told, key)


async def tell_application(redirect_uri: str, token: str) -> int:
    """Post a logout token to the application that signs in at `redirect_uri`, and return its status."""
    address = urlsplit(redirect_uri)._replace(path="/auth/backchannel-logout").geturl()
    async with httpx2.AsyncClient(timeout=10, trust_env=False) as client:
        return (await client.post(address, data={"logout_token": token})).status_code
