"""Reads what was used of a budget."""

from collections.abc import Mapping
from dataclasses import dataclass

from chatbot.core.principal import Principal
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


async def set_own_month(counters: Counters, scope: Scope, identifier: str, tokens: int | None) -> None:
    """Give a person or a tenant a token budget of its own for each month, or take it away with None.

    A person's stands in place of everybody's; a tenant's never above the operator's.
    """
    await counters.write(f"budget:{scope}:{identifier}", "own", tokens)


async def restore_own_months(counters: Counters, who: Principal, own: int | None, tenant: int | None) -> None:
    """Give a person and their tenant their own budgets again: counters forget whom they have not seen for long."""
    for scope, identifier, tokens in ((Scope.USER, who.user_id, own), (Scope.TENANT, who.tenant_id, tenant)):
        if tokens is not None:
            await set_own_month(counters, scope, str(identifier), tokens)


def month_limit(scope: Scope, everybody: int, own: int | None) -> int:
    """Return the tokens for a month that count, as `gate.lua` reckons; -1 for no limit."""
    if own is None:
        return everybody
    return min(own, everybody) if scope is Scope.TENANT and everybody >= 0 else own
