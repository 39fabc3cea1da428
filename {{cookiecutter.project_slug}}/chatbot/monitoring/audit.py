"""The audit trail (control api-audit): every act in somebody's name leaves a record that nobody can take back.

Stops: acts without a trace. Records wait in memory for half a second at most and are written together; what is written
can be added to and never changed (migrations/sql/0006_audit.sql). Fails closed: when records cannot be written for five
seconds, or too many wait, nothing is changed and nothing is answered any more (`require`), until they can. Reading goes
on, and what it leaves beyond the bound is counted in the log.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from chatbot.core.errors import Unavailable
from chatbot.monitoring.refusals import note_refusal

_log = logging.getLogger(__name__)
_EVERY_SECONDS = 0.5
_PATIENCE_SECONDS = 5.0
_MOST_WAITING = 5000
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One record: what happened in whose tenant. `fields` are the columns' values, without text of the caller's."""

    tenant: UUID
    fields: Mapping[str, Any]


class AuditWriter(Protocol):
    """Writes records of one tenant, all or none."""

    async def record(self, tenant: UUID, events: list[Mapping[str, Any]]) -> None:
        """Add them. Raises anything when they could not be added."""
        ...


class AuditTrail:
    """Takes records and has them written."""

    def __init__(self, writer: AuditWriter) -> None:
        self._writer = writer
        self._waiting: deque[AuditEvent] = deque()
        self._failing_since: float | None = None
        self._lost = 0
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin writing."""
        self._task = asyncio.ensure_future(self._write_on())

    async def close(self) -> None:
        """Write what waits, and end."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.flush()

    def require(self) -> None:
        """Return when acts are recorded. Raises `Unavailable`: an act that leaves no trace is not done."""
        failing = self._failing_since is not None and time.monotonic() - self._failing_since > _PATIENCE_SECONDS
        if failing or len(self._waiting) >= _MOST_WAITING:
            note_refusal("api-audit", "the trail cannot be written")
            raise Unavailable("Nothing can be changed or asked just now, since it could not be recorded. Try again.")

    def add(self, event: AuditEvent) -> None:
        """Take a record."""
        if len(self._waiting) < _MOST_WAITING:
            self._waiting.append(event)
        else:
            self._lost += 1  # of reads: whatever acts was refused before

    async def flush(self) -> None:
        """Write all that waits now; what cannot be written goes on waiting."""
        while self._waiting:
            batch = [self._waiting[place] for place in range(min(_AT_ONCE, len(self._waiting)))]
            try:
                for tenant in {event.tenant for event in batch}:
                    await self._writer.record(tenant, [event.fields for event in batch if event.tenant == tenant])
            except Exception as error:
                if self._failing_since is None:
                    self._failing_since = time.monotonic()
                    _log.error("the audit trail cannot be written", extra={"cause": type(error).__name__})
                return
            for _ in batch:
                self._waiting.popleft()
            self._failing_since = None

    async def _write_on(self) -> None:
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            await self.flush()
            if self._lost:
                _log.error("records of reading were lost", extra={"count": self._lost})
                self._lost = 0
