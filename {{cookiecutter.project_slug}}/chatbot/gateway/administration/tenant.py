"""The budget of a whole tenant (part of control api-cost). For administrators; auditors read.

An administrator saves on their organisation's account; what the operator allows at the most they cannot lift.
"""

from fastapi import APIRouter, Response
from pydantic import BaseModel

from chatbot.core.errors import Forbidden
from chatbot.database.administration import change_budget, read_budget
from chatbot.gateway.administration.people import OwnBudget
from chatbot.gateway.dependencies import Using, Who
from chatbot.limits.budgets import Scope, Window
from chatbot.limits.usage import keep_own_month

router = APIRouter(prefix="/api/v1/admin/budget")


class TenantBudget(BaseModel):
    """Tokens for each month: the administrator's, and the most that the operator allows; null for none."""

    monthly_tokens: int | None
    most_monthly_tokens: int | None


@router.get("")
async def show_budget(who: Who, parts: Using) -> TenantBudget:
    """Return the budget of the caller's own tenant."""
    async with parts.database.acting_for(who) as connection:
        own = await read_budget(connection, who)
    most, _ = parts.budgets.limit(Scope.TENANT, Window.MONTH)
    return TenantBudget(monthly_tokens=own, most_monthly_tokens=None if most < 0 else most)


@router.patch("", status_code=204)
async def change_own_budget(wanted: OwnBudget, who: Who, parts: Using) -> Response:
    """Give the caller's own tenant a token budget for each month, or take it away."""
    async with parts.database.acting_for(who) as connection:
        if not await change_budget(connection, who, wanted.monthly_tokens):
            raise Forbidden("You are no longer an administrator of this organisation.")
    await keep_own_month(parts.counters, Scope.TENANT, str(who.tenant_id), wanted.monthly_tokens)
    return Response(status_code=204)
