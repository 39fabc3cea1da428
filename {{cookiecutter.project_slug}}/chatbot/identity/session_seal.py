"""What makes a kept session genuine (part of control web-session).

Stops: whoever can write to Valkey from being anybody. A session decides who somebody is and what they may do, so all of
it that decides carries a MAC under the gateway's key, bound to the session's own name (HMAC-SHA-256, RFC 2104). Fails
closed: what does not fit is no session.
"""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson

from chatbot.core.principal import Principal, Role

_DECIDING = ("tenant", "user", "role", "name", "authenticated", "begun", "end", "provider")
FIELDS = [*_DECIDING, "mac"]


class ForgedSession(Exception):
    """A kept session that the gateway did not write as it stands."""


@dataclass(frozen=True, slots=True)
class KeptSession:
    """A genuine session; times in seconds since 1970."""

    principal: Principal
    authenticated: int
    begun: int
    end: int


class SessionSeal:
    """Makes and checks the MAC of a session."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def make(self, digest: str, values: Mapping[str, str | int]) -> str:
        """Return the MAC of the session of this digest."""
        deciding = orjson.dumps([digest, *(str(values[name]) for name in _DECIDING)])
        return urlsafe_b64encode(hmac.digest(self._key, b"session|" + deciding, "sha256")).decode()

    def read(self, digest: str, found: Sequence[bytes | None]) -> KeptSession:
        """Return the session whose `FIELDS` were found. Raises `ForgedSession`."""
        try:
            values = {name: (value or b"").decode() for name, value in zip(FIELDS, found, strict=True)}
        except UnicodeDecodeError:
            raise ForgedSession from None
        if not hmac.compare_digest(self.make(digest, values).encode(), values["mac"].encode()):
            raise ForgedSession
        who = Principal(UUID(values["tenant"]), UUID(values["user"]), Role(values["role"]), values["name"])
        return KeptSession(who, *(int(values[name]) for name in ("authenticated", "begun", "end")))
