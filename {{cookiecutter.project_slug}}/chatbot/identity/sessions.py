"""Server-side sessions (control web-session).

Stops: theft by script (the cookie is HttpOnly and says nothing), fixation (an id is only ever made here,
anew at each sign-in), endless sessions (an idle and an absolute limit). Valkey keeps only the SHA-256 of
the id, so that reading Valkey gives no session. Fails closed: without Valkey nobody is signed in.
"""

import hashlib
import hmac
import secrets
import time
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from chatbot.core.errors import Unavailable
from chatbot.core.principal import Principal, Role

GATE_SCRIPT = Path(__file__).with_name("gate.lua").read_text(encoding="utf-8")
_GATE_DIGEST = hashlib.sha1(GATE_SCRIPT.encode(), usedforsecurity=False).hexdigest()  # Valkey's name for a script
_TOKEN_BYTES = 32


class SessionStore:
    """Opens, finds and closes sessions."""

    def __init__(self, valkey: "Redis[bytes]", key: bytes, *, idle_seconds: int, absolute_seconds: int) -> None:
        self._valkey = valkey
        self._key = key
        self._idle = idle_seconds
        self._absolute = absolute_seconds

    @staticmethod
    def new_token() -> str:
        """Return 256 random bits as a cookie's value."""
        return secrets.token_urlsafe(_TOKEN_BYTES)

    async def open(self, who: Principal) -> str:
        """Begin a session for `who` and return the cookie's value."""
        token = self.new_token()
        now = int(time.time())
        values: dict[str, str | int] = {
            "tenant": str(who.tenant_id),
            "user": str(who.user_id),
            "role": who.role,
            "name": who.name,
            "end": now + self._absolute,
        }
        try:
            async with self._valkey.pipeline(transaction=True) as pipe:
                pipe.hset(_name(token), mapping=values)
                pipe.expire(_name(token), self._idle)
                await pipe.execute()
        except RedisError as error:
            raise Unavailable("Nobody can sign in just now. Try again in a moment.") from error
        return token

    async def find(self, token: str) -> Principal | None:
        """Return whose session `token` opens, prolonging it, or None. Raises `Unavailable` without Valkey."""
        try:
            found: list[bytes] = await self._valkey.evalsha(
                _GATE_DIGEST, 1, _name(token), str(int(time.time())), str(self._idle)
            )
        except NoScriptError as error:
            raise Unavailable("The session script is not loaded into Valkey: start the stack anew.") from error
        except RedisError as error:
            raise Unavailable("Sessions cannot be checked just now. Try again in a moment.") from error  # closed
        if not found:
            return None
        tenant, user, role, name = (value.decode() for value in found)
        return Principal(UUID(tenant), UUID(user), Role(role), name)

    async def close(self, token: str) -> None:
        """End a session."""
        try:
            await self._valkey.delete(_name(token))
        except RedisError as error:
            raise Unavailable("The session cannot be ended just now. Try again in a moment.") from error

    def csrf_token(self, token: str) -> str:
        """Return the token that unsafe requests of this session must carry; made from the id, kept nowhere."""
        digest = hmac.digest(self._key, b"csrf|" + token.encode(), "sha256")
        return urlsafe_b64encode(digest).rstrip(b"=").decode()

    def is_csrf_token(self, token: str, claimed: str) -> bool:
        """Say whether `claimed` belongs to the session `token`, in constant time."""
        return hmac.compare_digest(self.csrf_token(token).encode(), claimed.encode())


def _name(token: str) -> str:
    return "session:" + hashlib.sha256(token.encode()).hexdigest()


def session_values(principal: Principal) -> dict[str, Any]:
    """Return what the page may know about its own session."""
    return {"name": principal.name, "role": principal.role, "user": str(principal.user_id)}
