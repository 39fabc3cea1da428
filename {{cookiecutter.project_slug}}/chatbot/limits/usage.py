"""What was used of a budget, and whose is their own."""

from collections.abc import Mapping

from chatbot.limits.budgets import Amount, Buckets, Scope, Window
from chatbot.limits.scripts import Counters

_FIELDS = ["b1", "t1", "m1", "b2", "t2", "m2", "b3", "t3", "m3"]
_DAYS = 40  # more than a month, since which `gate.lua` keeps what was used


async def read_usage(counters: Counters, scope: Scope, identifier: str, buckets: Buckets) -> Mapping[Window, Amount]:
    """Return what `identifier` has used of its budget as a `scope` in each window, open reservations included.

    Raises `Unavailable` without Valkey.
    """
    kept = await counters.read(f"budget:{scope}:{identifier}", _FIELDS)
    numbers = [None if value is None else int(value) for value in kept]
    amounts = {}
    for window, bucket in zip(Window, (buckets.minute, buckets.day, buckets.month), strict=True):
        place = (window - 1) * 3
        current = numbers[place] == bucket
        amounts[window] = Amount(numbers[place + 1] or 0, numbers[place + 2] or 0) if current else Amount()
    return amounts


async def keep_own_month(
    counters: Counters, scope: Scope, identifier: str, tokens: int | None, *, overwrite: bool = True
) -> None:
    """Keep what token budget of its own for each month a person or a tenant has; None for none.

    A person's stands in place of everybody's; a tenant's never above the operator's. Counters forget whom they have not
    seen for long: until it is kept again nothing is reserved. Without `overwrite` a stored value stays: maybe newer.
    """
    own = "" if tokens is None else str(tokens)
    await counters.write(f"budget:{scope}:{identifier}", "own", own, seconds=_DAYS * 86400, overwrite=overwrite)


def month_limit(scope: Scope, everybody: int, own: int | None) -> int:
    """Return the tokens for a month that count, as `gate.lua` reckons; -1 for no limit."""
    if own is None:
        return everybody
    return min(own, everybody) if scope is Scope.TENANT and everybody >= 0 else own
