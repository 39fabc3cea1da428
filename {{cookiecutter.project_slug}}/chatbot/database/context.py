"""Signed row-level-security context (control sql-tenant).

Stops: reading or changing another tenant's or person's rows, even by whoever controls the whole text of
a statement. PostgreSQL verifies the value in `secure.claims()` and every policy uses the verified claims.
Fails closed: without a context no row is visible; a forged or expired one is an error.
"""

import hashlib
import hmac
import time
from dataclasses import dataclass, field

from chatbot.core.principal import Principal

_LIFE_SECONDS = 60
_BLOCK_BYTES = 64  # SHA-256


@dataclass(frozen=True, slots=True)
class ContextSigner:
    """Makes the contexts of one database role: a context made for another role is refused."""

    key: bytes = field(repr=False)
    role: str

    def sign(self, principal: Principal) -> str:
        """Return the value of the setting `chatbot.context` for `principal`, valid for a minute."""
        expiry = int(time.time()) + _LIFE_SECONDS
        claims = f"v1|{self.role}|{principal.tenant_id}|{principal.user_id}|{expiry}"
        return self._signed(claims)

    def vouch(self, principal: Principal, issuer: str, subject: str) -> str:
        """Return what `secure.enrol` believes about the role and identity of `principal`, for a minute.

        Only a sign-in makes one.
        """
        expiry = int(time.time()) + _LIFE_SECONDS
        parts = b"".join(hashlib.sha256(each.encode()).digest() for each in (issuer, subject, principal.name))
        identity = hashlib.sha256(parts).hexdigest()
        who = f"{principal.tenant_id}|{principal.user_id}|{principal.role}"
        # another first part than a context's: neither is ever taken for the other
        return self._signed(f"r1|{self.role}|{who}|{expiry}|{identity}")

    def _signed(self, claims: str) -> str:
        return f"{claims}|{hmac.digest(self.key, claims.encode(), 'sha256').hex()}"


def key_pads(key: bytes) -> tuple[bytes, bytes]:
    """Return the inner and outer pads of `key` as PostgreSQL keeps them (RFC 2104, section 2)."""
    if not 32 <= len(key) <= _BLOCK_BYTES:
        raise ValueError("the context key must have 32 to 64 bytes")
    block = key.ljust(_BLOCK_BYTES, b"\0")
    return bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)
