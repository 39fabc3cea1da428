"""The audit trail's rows: added in one fixed call, read under the reader's own rights (part of control api-audit)."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from chatbot.core.principal import Principal, Role
from chatbot.database.calls.pool import FixedCalls
from chatbot.database.context import ContextSigner
from chatbot.database.tables import AuditRow, User

_RECORD = "SELECT chatbot.record_events($1, $2)"
_NOBODY = UUID(int=0)  # the writer's own name: no person's context has it
AuditRows = Sequence[Row[*tuple[Any, ...]]]


class AuditStore:
    """Writes records in the name of nobody but the trail."""

    def __init__(self, calls: FixedCalls, signer: ContextSigner) -> None:
        self._calls = calls
        self._signer = signer

    async def record(self, tenant: UUID, events: list[Mapping[str, Any]]) -> None:
        """Add records of one tenant. Raises `Unavailable` or `DatabaseFault`."""
        writer = Principal(tenant, _NOBODY, Role.SERVICE, "trail")
        await self._calls.row(_RECORD, self._signer.sign(writer), orjson.dumps(events).decode())


async def list_events(
    connection: AsyncConnection, most: int, *, before: int | None = None, user: UUID | None = None
) -> AuditRows:
    """Return records that the reader may see, the latest first: those before a number, those of one person."""
    query = (
        select(*AuditRow.__table__.columns, User.name)
        .outerjoin(User, User.id == AuditRow.user_id)
        .order_by(AuditRow.id.desc())
    )
    if before is not None:
        query = query.where(AuditRow.id < before)
    if user is not None:
        query = query.where(AuditRow.user_id == user)
    return (await connection.execute(query.limit(most))).all()
