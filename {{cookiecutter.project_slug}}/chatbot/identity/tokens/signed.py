"""The one way in which a signed token is believed, whatever it is for (part of control acc-identity).

Stops: a verifier that was forgotten: sign-in, logout and access tokens pass through here (CVE-2026-28802). Only these
algorithms, only a key of the configured issuer's. Fails closed: whatever does not fit is no token.
"""

from collections.abc import Collection
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError

from chatbot.identity.tokens.form import NoToken, read_header
from chatbot.identity.tokens.issuer import Issuer

# each names its whole method (RFC 9864), so "EdDSA" is none of them; none is symmetric
ALGORITHMS = ("ES256", "RS256", "PS256", "Ed25519")
LEEWAY_SECONDS = 30


async def read_claims(token: object, types: Collection[str], issuer: Issuer, rules: dict[str, Any]) -> dict[str, Any]:
    """Return the claims of a token that the issuer signed and that keeps `rules`, as joserfc's registry takes them.

    Raises `NoToken`, or `Unavailable` when the issuer's keys are not known.
    """
    header = read_header(token, types)
    algorithm = header.get("alg")
    if algorithm not in ALGORITHMS:
        raise NoToken("another algorithm")
    key = await issuer.key(header.get("kid"))
    if key is None:
        raise NoToken("no such key")
    try:
        # joserfc refuses a key that names another algorithm for itself (RFC 8725, section 3.1)
        claims: dict[str, Any] = dict(jwt.decode(str(token), key, algorithms=[algorithm]).claims)
        jwt.JWTClaimsRegistry(leeway=LEEWAY_SECONDS, **rules).validate(claims)
    except (JoseError, ValueError, RecursionError) as error:
        raise NoToken(type(error).__name__) from error  # its text could hold a part of the token
    return claims
