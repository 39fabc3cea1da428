"""What was used of each budget, and what is left."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from fastapi import APIRouter
from pydantic import BaseModel

from chatbot.core.principal import Principal, Role
from chatbot.database.administration import own_budgets
from chatbot.database.calls.keys import KeyRow, list_keys
from chatbot.gateway.dependencies import Using, Who
from chatbot.limits.budgets import Amount, Buckets, Scope, Window, seconds_left
from chatbot.limits.usage import month_limit, read_usage
from chatbot.wiring import Parts

router = APIRouter(prefix="/api/v1/usage")
_OVERSEERS = frozenset({Role.ADMIN, Role.AUDITOR})


class Measure(BaseModel):
    """Tokens, or money in the currency's units. `limit` is null where there is none."""

    used: float
    limit: float | None


class BudgetShown(BaseModel):
    """One budget in one window. What answers under way may still cost counts as used. `key` is a key's name."""

    scope: Scope
    key: str | None
    window: str
    resets_at: datetime
    tokens: Measure
    money: Measure


class UsageShown(BaseModel):
    """Every budget that the caller may see.

    One's own, those of one's keys that were used, and for administrators and auditors the organisation's.
    """

    currency: str
    budgets: list[BudgetShown]


@router.get("")
async def show_usage(who: Who, parts: Using) -> UsageShown:
    """Return what was used of one's budgets, by minute, day and month."""
    async with parts.database.acting_for(who) as connection:
        keys = [row for row in await list_keys(connection) if row.last_used_at and not row.revoked_at]
        own, tenant = await own_budgets(connection, who)
    months = {Scope.USER: own, Scope.TENANT: tenant}
    shown = []
    for scope, identifier, key in _scopes(who, keys):
        used = await read_usage(parts.counters, scope, identifier, Buckets.at(time.time()))
        shown += [_budget(parts, scope, window, used[window], months.get(scope), key) for window in Window]
    return UsageShown(currency=parts.settings.limits.currency, budgets=shown)


def _scopes(who: Principal, keys: Sequence[KeyRow]) -> list[tuple[Scope, str, str | None]]:
    own = [(Scope.USER, str(who.user_id), None), *((Scope.KEY, str(key.id), key.name) for key in keys)]
    return [*own, (Scope.TENANT, str(who.tenant_id), None)] if who.role in _OVERSEERS else own


def _budget(
    parts: Parts, scope: Scope, window: Window, amount: Amount, own_month: int | None, key: str | None
) -> BudgetShown:
    tokens, micros = parts.budgets.limit(scope, window)
    if window is Window.MONTH:
        tokens = month_limit(scope, tokens, own_month)
    now = time.time()
    return BudgetShown(
        scope=scope,
        key=key,
        window=window.name.lower(),
        resets_at=datetime.fromtimestamp(round(now + seconds_left(window, now)), UTC),
        tokens=Measure(used=amount.tokens, limit=None if tokens < 0 else tokens),
        money=Measure(used=amount.micros / 1_000_000, limit=None if micros < 0 else micros / 1_000_000),
    )
