"""Reads what was used of a budget."""

from collections.abc import Mapping
from dataclasses import dataclass

from chatbot.limits.budgets import Amount, Buckets, Scope, Window
from chatbot.limits.scripts import Counters

_FIELDS = ["b1", "t1", "m1", "b2", "t2", "m2", "b3", "t3", "m3", "own"]


@dataclass(frozen=True, slots=True)
class Used:
    """What was used in each window, open reservations included; `own_month` is a budget of one's own for the month."""

    amounts: Mapping[Window, Amount]
    own_month: int | None


async def read_usage(counters: Counters, scope: Scope, identifier: str, buckets: Buckets) -> Used:
    """Return what `identifier` has used of its budget as a `scope`. Raises `Unavailable` without Valkey."""
    kept = await counters.read(f"budget:{scope}:{identifier}", _FIELDS)
    numbers = [None if value is None else int(value) for value in kept]
    amounts = {}
    for window, bucket in zip(Window, (buckets.minute, buckets.day, buckets.month), strict=True):
        place = (window - 1) * 3
        current = numbers[place] == bucket
        amounts[window] = Amount(numbers[place + 1] or 0, numbers[place + 2] or 0) if current else Amount()
    return Used(amounts, numbers[9])


async def set_own_month(counters: Counters, user: str, tokens: int | None) -> None:
    """Give a person a token budget of their own for each month, or take it away with None."""
    await counters.write(f"budget:{Scope.USER}:{user}", "own", tokens)
