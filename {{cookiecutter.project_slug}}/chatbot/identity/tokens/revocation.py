"""Whether a token still holds: its issuer is asked at first sight, then every few seconds (part of acc-identity).

An entry is kept by the whole SHA-256 of the token (CVE-2026-35030). Its age counts from before the question, so that a
revoked token is refused after five seconds and the answer's own time at most. Fails closed: no answer, no entry.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from chatbot.identity.tokens.issuer import Issuer

_FRESH_SECONDS = 5.0
_MOST_ENTRIES = 4096


class Revocation:
    """Remembers the issuer's word for a moment; one question at a time for each token."""

    def __init__(self, issuer: Issuer, clock: Callable[[], float] = time.monotonic) -> None:
        self._issuer = issuer
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[float, bool]] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[bool]] = {}

    async def holds(self, token: str, claims: Mapping[str, Any]) -> bool:
        """Say whether the issuer calls the token active. Raises `Unavailable`. The token was verified before."""
        digest = hashlib.sha256(token.encode("ascii")).digest()
        asked, active = self._known.get(digest, (-float("inf"), False))
        if self._clock() - asked < _FRESH_SECONDS:
            return active
        question = self._asking.get(digest)
        if question is None:
            question = self._asking[digest] = asyncio.create_task(self._ask(digest, token, claims))
            question.add_done_callback(lambda done: self._forget(digest, done))
        # a caller who leaves takes nothing from the others who wait
        return await asyncio.shield(question)

    async def _ask(self, digest: bytes, token: str, claims: Mapping[str, Any]) -> bool:
        asked = self._clock()
        said = await self._issuer.introspect(token)
        same = all(said.get(name, claims[name]) == claims[name] for name in ("iss", "sub", "client_id"))
        active = said.get("active") is True and same
        self._known[digest] = (asked, active)
        self._known.move_to_end(digest)
        while len(self._known) > _MOST_ENTRIES:
            self._known.popitem(last=False)
        return active

    def _forget(self, digest: bytes, done: "asyncio.Task[bool]") -> None:
        self._asking.pop(digest, None)
        if not done.cancelled():
            done.exception()  # whoever waited has it; if nobody does any more, it is not worth a line in the log
