"""What was used of each budget, and what is left."""

import time
from datetime import UTC, datetime, timedelta

from fastapi import APIRouter
from pydantic import BaseModel

from chatbot.core.principal import Principal, Role
from chatbot.gateway.dependencies import Using, Who
from chatbot.limits.budgets import Buckets, Scope, Window, seconds_left
from chatbot.limits.usage import Used, read_usage
from chatbot.wiring import Parts

router = APIRouter(prefix="/api/v1/usage")
_OVERSEERS = frozenset({Role.ADMIN, Role.AUDITOR})


class Measure(BaseModel):
    """Tokens, or money in the currency's units. `limit` is null where there is none."""

    used: float
    limit: float | None


class BudgetShown(BaseModel):
    """One budget in one window. What answers under way may still cost counts as used."""

    scope: Scope
    window: str
    resets_at: datetime
    tokens: Measure
    money: Measure


class UsageShown(BaseModel):
    """Every budget that the caller may see: one's own; for administrators and auditors the organisation's too."""

    currency: str
    budgets: list[BudgetShown]


@router.get("")
async def show_usage(who: Who, parts: Using) -> UsageShown:
    """Return what was used of one's budgets, by minute, day and month."""
    shown = []
    for scope, identifier in _scopes(who):
        used = await read_usage(parts.counters, scope, identifier, Buckets.at(time.time()))
        shown += [_budget(parts, scope, window, used) for window in Window]
    return UsageShown(currency=parts.settings.limits.currency, budgets=shown)


def _scopes(who: Principal) -> list[tuple[Scope, str]]:
    own = [(Scope.USER, str(who.user_id))]
    return [*own, (Scope.TENANT, str(who.tenant_id))] if who.role in _OVERSEERS else own


def _budget(parts: Parts, scope: Scope, window: Window, used: Used) -> BudgetShown:
    tokens, micros = parts.budgets.limit(scope, window)
    if window is Window.MONTH and used.own_month is not None:
        tokens = used.own_month
    now = time.time()
    amount = used.amounts[window]
    return BudgetShown(
        scope=scope,
        window=window.name.lower(),
        resets_at=datetime.fromtimestamp(now, UTC).replace(microsecond=0)
        + timedelta(seconds=round(seconds_left(window, now))),
        tokens=Measure(used=amount.tokens, limit=None if tokens < 0 else tokens),
        money=Measure(used=amount.micros / 1_000_000, limit=None if micros < 0 else micros / 1_000_000),
    )
