"""Server-side sessions (control web-session).

Stops: theft by script (the cookie is HttpOnly and says nothing), fixation (an id is only ever made here,
anew at each sign-in), endless sessions (an idle and an absolute limit). Valkey keeps only the SHA-256 of
the id, so that reading Valkey gives no session, and what it keeps is sealed, so that writing gives none either
(`session_seal.py`). Fails closed: without Valkey nobody is signed in.
"""

import hashlib
import hmac
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from chatbot.core.errors import Unavailable
from chatbot.core.principal import Principal
from chatbot.identity.admission import Admission, Carrier
from chatbot.identity.session_seal import FIELDS, ForgedSession, KeptSession, SessionSeal
from chatbot.limits.scripts import Counters
from chatbot.monitoring.refusals import note_refusal

_TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a session began: the client's address, its browser in words, the provider's name for its own session."""

    address: str = ""
    agent: str = ""
    provider_session: str = ""


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session as its owner sees it; times in seconds since 1970."""

    id: str
    agent: str
    address: str
    begun: int
    seen: int
    end: int


_SHOWN = ["agent", "address", "seen"]
_NOWHERE = Origin()


class SessionStore:
    """Opens, finds and closes sessions."""

    def __init__(self, valkey: "Redis[bytes]", key: bytes, *, idle_seconds: int, absolute_seconds: int) -> None:
        self._valkey = valkey
        self._counters = Counters(valkey)
        self._key = key
        self._seal = SessionSeal(key)
        self._idle = idle_seconds
        self._absolute = absolute_seconds

    @staticmethod
    def new_token() -> str:
        """Return 256 random bits as a cookie's value."""
        return secrets.token_urlsafe(_TOKEN_BYTES)

    async def open(self, who: Principal, *, authenticated_at: int | None = None, origin: Origin = _NOWHERE) -> str:
        """Begin a session for `who`, who proved themselves just now or at `authenticated_at`; return its cookie."""
        token = self.new_token()
        now = int(time.time())
        digest = digest_token(token)
        values: dict[str, str | int] = {
            "tenant": str(who.tenant_id),
            "user": str(who.user_id),
            "role": who.role,
            "name": who.name,
            "authenticated": now if authenticated_at is None else authenticated_at,
            "begun": now,
            "seen": now,
            "address": origin.address,
            "agent": origin.agent,
            "provider": _provider_name(origin.provider_session),
            "end": now + self._absolute,
        }
        values["mac"] = self._seal.make(digest, values)
        index = _index(who.user_id)
        try:
            async with self._valkey.pipeline(transaction=True) as pipe:
                pipe.hset(_name(digest), mapping=values)
                pipe.expire(_name(digest), self._idle)
                pipe.zadd(index, {digest: now + self._absolute})
                pipe.zremrangebyscore(index, "-inf", now)
                pipe.expire(index, self._absolute)
                if origin.provider_session:  # so that its end there is found here (close_provider_session)
                    pipe.sadd(_provider_name(origin.provider_session), str(who.user_id))
                    pipe.expire(_provider_name(origin.provider_session), self._absolute)
                await pipe.execute()
        except RedisError as error:
            raise Unavailable("Nobody can sign in just now. Try again in a moment.") from error
        return token

    async def find(self, token: str) -> Admission | None:
        """Return whose session `token` opens, prolonging it, or None. Raises `Unavailable` without Valkey."""
        admission, _ = await self.find_and_charge(token, b"")
        return admission

    async def find_and_charge(self, token: str, asked: bytes) -> tuple[Admission | None, dict[str, Any]]:
        """Find a session, count and reserve in one round trip; return the script's verdict with the admission."""
        digest = digest_token(token)
        found = await self._counters.gate(_name(digest), int(time.time() * 1000), self._idle, b"", asked)
        verdict: dict[str, Any] = orjson.loads(found[5]) if asked else {}
        values = [*found[:5], *found[6:]]
        kept = await self._read(digest, values) if any(values) else None
        if kept is None:
            return None, verdict
        return Admission(kept.principal, Carrier.SESSION, public_id(digest), None, kept.authenticated), verdict

    async def is_open(self, token: str) -> bool:
        """Say whether `token` still opens a session, without prolonging it."""
        try:
            found = await self._valkey.hmget(_name(digest := digest_token(token)), FIELDS)
        except RedisError as error:
            raise Unavailable("Sessions cannot be read just now. Try again in a moment.") from error
        kept = await self._read(digest, found) if any(found) else None
        return kept is not None and time.time() < kept.end

    async def _read(self, digest: str, found: Sequence[bytes | None]) -> KeptSession | None:
        """Return a kept session, or None for a forged one, which is deleted."""
        try:
            return self._seal.read(digest, found)
        except ForgedSession:
            note_refusal("web-session", "a forged session")
            await self._end([digest], None)
            return None

    async def close(self, token: str) -> None:
        """End a session."""
        await self._end([digest_token(token)], None)

    async def list_open(self, user: UUID) -> list[str]:
        """Return the digests of a person's sessions that may still live, the one that ends first at the front."""
        try:
            found: list[bytes] = await self._valkey.zrange(_index(user), 0, -1)
        except RedisError as error:
            raise Unavailable("Sessions cannot be read just now. Try again in a moment.") from error
        return [digest.decode() for digest in found]

    async def show_all(self, user: UUID) -> list[OpenSession]:
        """Return a person's living sessions."""
        digests = await self.list_open(user)
        try:
            async with self._valkey.pipeline(transaction=False) as pipe:
                for digest in digests:
                    pipe.hmget(_name(digest), [*FIELDS, *_SHOWN])
                found = await pipe.execute()
        except RedisError as error:
            raise Unavailable("Sessions cannot be read just now. Try again in a moment.") from error
        now = time.time()
        shown = []
        for digest, values in zip(digests, found, strict=True):
            kept = await self._read(digest, values[: len(FIELDS)]) if any(values) else None
            if kept is not None and kept.end > now:  # else it ended when it was idle
                agent, address, seen = ((value or b"").decode("utf-8", "replace") for value in values[len(FIELDS) :])
                last = int(seen) if seen.isdecimal() else kept.begun
                shown.append(OpenSession(public_id(digest), agent, address, kept.begun, last, kept.end))
        return shown

    async def close_one(self, user: UUID, session: str) -> bool:
        """End the session of a person that has this public id; say whether there was one."""
        ended = [digest for digest in await self.list_open(user) if public_id(digest) == session]
        return await self._end(ended, user) > 0

    async def close_provider_session(self, session: str) -> set[UUID]:
        """End the sessions, in every tenant, that began with this one of the identity provider's; return whose."""
        name, whose = _provider_name(session), set()
        try:
            users = await self._valkey.smembers(name)
            for user in map(UUID, (found.decode() for found in users)):
                digests = await self.list_open(user)
                kept = [await self._valkey.hmget(_name(digest), ["provider"]) for digest in digests]
                ended = [digest for digest, found in zip(digests, kept, strict=True) if found[0] == name.encode()]
                if await self._end(ended, user):
                    whose.add(user)
            await self._valkey.delete(name)
        except (RedisError, ValueError) as error:
            raise Unavailable("Sessions cannot be ended just now. Try again in a moment.") from error
        return whose

    async def close_former(self, who: Principal) -> None:
        """End the sessions of a person who had another role then."""
        digests = await self.list_open(who.user_id)
        try:
            kept = [await self._valkey.hmget(_name(digest), ["role"]) for digest in digests]
        except RedisError as error:
            raise Unavailable("Nobody can sign in just now. Try again in a moment.") from error
        former = [digest for digest, found in zip(digests, kept, strict=True) if found[0] != who.role.encode()]
        await self._end(former, who.user_id)

    async def close_all(self, user: UUID, *, but: str | None = None) -> int:
        """End every session of a person, `but` the one with this public id; return how many were ended."""
        ended = [digest for digest in await self.list_open(user) if public_id(digest) != but]
        await self._end(ended, user)
        return len(ended)

    async def _end(self, digests: list[str], user: UUID | None) -> int:
        if not digests:
            return 0
        try:
            ended = int(await self._valkey.delete(*map(_name, digests)))
            if user is not None:
                await self._valkey.zrem(_index(user), *digests)
            return ended
        except RedisError as error:
            raise Unavailable("The session cannot be ended just now. Try again in a moment.") from error

    def csrf_token(self, token: str) -> str:
        """Return the token that unsafe requests of this session must carry; made from the id, kept nowhere."""
        digest = hmac.digest(self._key, b"csrf|" + token.encode(), "sha256")
        return urlsafe_b64encode(digest).rstrip(b"=").decode()

    def is_csrf_token(self, token: str, claimed: str) -> bool:
        """Say whether `claimed` belongs to the session `token`, in constant time."""
        return hmac.compare_digest(self.csrf_token(token).encode(), claimed.encode())


def digest_token(token: str) -> str:
    """Return what is kept of a cookie's value: its SHA-256, hexadecimal."""
    return hashlib.sha256(token.encode()).hexdigest()


def public_id(digest: str) -> str:
    """Return a session's name for lists and records: the first 64 bits of its digest."""
    return digest[:16]


def _name(digest: str) -> str:
    return f"session:{digest}"


def _provider_name(session: str) -> str:
    return f"sessions:by-provider:{digest_token(session)}" if session else ""


def _index(user: UUID) -> str:
    return f"sessions:{user}"


def session_values(principal: Principal) -> dict[str, Any]:
    """Return what the page may know about its own session."""
    return {"name": principal.name, "role": principal.role, "user": str(principal.user_id)}
