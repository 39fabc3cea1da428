"""How often (control api-rate): rates by address and by person, counted by the script in Valkey for all processes.

Stops: floods by one client, by one account behind many addresses, and of one dear endpoint. The rows are in
`chatbot/gateway/access/rates.py`; here is how a row is asked for and how its refusal reads. The headers are those of
draft-ietf-httpapi-ratelimit-headers-10. Fails closed: without Valkey nothing that needs an account is served.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from limits import RateLimitItem, parse

from chatbot.core.errors import Problem
from chatbot.monitoring.refusals import note_refusal


class By(StrEnum):
    """What is counted."""

    ADDRESS = "address"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Rate:
    """A row: so many (`30/minute`, in the notation of limits) of what `name` says, by address or by person.

    `cost` is what one request counts; 0 only looks.
    """

    name: str
    by: By
    limit: RateLimitItem
    cost: int = 1

    @classmethod
    def of(cls, name: str, by: By, text: str, cost: int = 1) -> "Rate":
        """Return the row for a limit in words. Raises `ValueError`."""
        return cls(name, by, parse(text), cost)

    @property
    def seconds(self) -> int:
        """The window."""
        return int(self.limit.get_expiry())

    def as_asked(self) -> list[Any]:
        """Return the row as the script takes it."""
        return [self.by, self.name, self.limit.amount, self.seconds * 1000, self.cost]


Headers = tuple[tuple[bytes, bytes], ...]


class RateLimited(Problem):
    """Too many requests of one kind. `seconds` says when the next one may fit."""

    status = 429
    title = "Too many requests"
    code = "rate_limit_exceeded"

    def __init__(self, detail: str, seconds: float, headers: Headers = ()) -> None:
        super().__init__(detail)
        self.headers = (*headers, (b"retry-after", str(max(1, math.ceil(seconds))).encode()))


def judge_rates(rates: Sequence[Rate], verdict: dict[str, Any]) -> Headers:
    """Return the headers for what the script counted. Raises `RateLimited` when a row is used up."""
    headers = rate_headers(rates, verdict.get("left") or [])
    if verdict["verdict"] == "rate":
        rate = rates[verdict["at"]]
        note_refusal("api-rate", f"{rate.name} by {rate.by}")
        wait = verdict["wait"] / 1000
        raise RateLimited(f"At most {rate.limit} ({rate.name}). Try again in {math.ceil(wait)} s.", wait, headers)
    return headers


def rate_headers(rates: Sequence[Rate], left: Sequence[Sequence[float]]) -> Headers:
    """Return RateLimit-Policy and RateLimit for the rows that count."""
    shown = [(rate, place) for rate, place in zip(rates[: len(left)], left, strict=True) if rate.cost]
    if not shown:
        return ()
    policy = ", ".join(f'"{rate.name}-by-{rate.by}";q={rate.limit.amount};w={rate.seconds}' for rate, _ in shown)
    now = ", ".join(
        f'"{rate.name}-by-{rate.by}";r={int(place[0])};t={math.ceil(place[1] / 1000)}' for rate, place in shown
    )
    return ((b"ratelimit-policy", policy.encode()), (b"ratelimit", now.encode()))
