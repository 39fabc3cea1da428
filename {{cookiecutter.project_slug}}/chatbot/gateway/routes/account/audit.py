"""The audit trail as it is read: one's own acts, and for those who oversee the organisation everybody's."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from chatbot.database.calls.audit import AuditRows, list_events
from chatbot.gateway.dependencies import Using, Who
from chatbot.gateway.labels import Shown

router = APIRouter(prefix="/api/v1/audit")


class AuditQuery(BaseModel):
    """Which records: at most so many, those before a record's number."""

    model_config = ConfigDict(extra="forbid")
    before: int | None = Field(default=None, ge=1, lt=2**63)
    most: int = Field(default=100, ge=1, le=500)


class TenantAuditQuery(AuditQuery):
    """The same, and of whom."""

    user: UUID | None = None


class RecordShown(BaseModel):
    """One record. `cost` is in the currency's units."""

    id: int
    at: datetime
    user: UUID
    name: Shown | None
    carrier: str
    credential: str
    action: str
    object: Shown | None
    status: int
    request_id: str
    address: str
    milliseconds: int
    prompt_tokens: int | None
    answer_tokens: int | None
    cost: float | None


_AS_THEY_ARE = RecordShown.model_fields.keys() - {"user", "cost"}


@router.get("/own")
async def read_own_trail(query: Annotated[AuditQuery, Query()], who: Who, parts: Using) -> list[RecordShown]:
    """Return what was done in one's own name, the latest first."""
    async with parts.database.acting_for(who) as connection:
        rows = await list_events(connection, query.most, before=query.before, user=who.user_id)
    return await parts.heavy.run(who.user_id, _shown, rows)


@router.get("")
async def read_trail(query: Annotated[TenantAuditQuery, Query()], who: Who, parts: Using) -> list[RecordShown]:
    """Return what was done in one's organisation, the latest first."""
    async with parts.database.acting_for(who) as connection:
        rows = await list_events(connection, query.most, before=query.before, user=query.user)
    return await parts.heavy.run(who.user_id, _shown, rows)


def _shown(rows: AuditRows) -> list[RecordShown]:
    return [
        RecordShown(
            **{name: getattr(row, name) for name in _AS_THEY_ARE},
            user=row.user_id,
            cost=None if row.cost_micros is None else row.cost_micros / 1_000_000,
        )
        for row in rows
    ]
