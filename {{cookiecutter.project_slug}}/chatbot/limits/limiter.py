"""slowapi's limiter for ordinary routes, whose hits are awaited (part of control api-rate).

slowapi asks its store synchronously: with a slow store it holds everybody's event loop. So its limits, its exception
and its place are used, and the hits are the same script that counts on the routes that answer: one algorithm, one set
of counters. Where pages that need no account are concerned, a store of this process's own stands in when Valkey is
down, stricter by a factor, since each process then counts alone.
"""

import time
from collections.abc import Sequence
from typing import Any

import orjson
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter
from slowapi import Limiter

from chatbot.core.errors import Unavailable
from chatbot.limits.rates import Headers, Rate, RateLimited, judge_rates
from chatbot.limits.scripts import Counters
from chatbot.monitoring.refusals import note_refusal

_STRICTER = 4


def _nobody() -> str:
    return ""  # slowapi wants a function; whom a limit counts is said with each hit


class AsyncLimiter(Limiter):  # type: ignore[misc]  # slowapi has no types
    """Counts requests without holding the event loop."""

    def __init__(self, counters: Counters) -> None:
        super().__init__(key_func=_nobody, auto_check=False, key_style="endpoint")  # its own store is never asked
        self._counters = counters
        self._alone = FixedWindowRateLimiter(MemoryStorage())

    async def hit(self, rates: Sequence[Rate], who: str) -> Headers:
        """Count one request of `who` by every row, in one round trip; all rows are by the same.

        Raises `RateLimited`, or `Unavailable` without Valkey.
        """
        asked: dict[str, Any] = {"rates": [rate.as_asked() for rate in rates], "address": who}
        found = await self._counters.gate("", int(time.time() * 1000), 0, orjson.dumps(["", who]), orjson.dumps(asked))
        return judge_rates(rates, orjson.loads(found[5]))

    async def hit_public(self, rates: Sequence[Rate], address: str) -> Headers:
        """Count what needs no account: without Valkey this process counts alone, and takes fewer."""
        try:
            return await self.hit(rates, address)
        except Unavailable:
            for rate in rates:
                await self.hit_alone(rate, address, stricter=_STRICTER)
            return ()

    async def hit_alone(self, rate: Rate, address: str, *, stricter: int = 1) -> None:
        """Count in this process only. Raises `RateLimited`."""
        if not await self._alone.hit(rate.limit, rate.name, address, cost=max(rate.cost, 1) * stricter):
            note_refusal("api-rate", f"{rate.name} by {rate.by}, counted alone")
            raise RateLimited(f"At most {rate.limit} ({rate.name}). Try again later.", rate.seconds)
