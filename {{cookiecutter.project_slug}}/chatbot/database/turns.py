"""The hot path's three statements, each a fixed function call with bound parameters (control sql-params).

They have a pool of their own, from which no other code gets a connection: so their statements can stay
prepared, and nothing that another statement left in a session can meet them. The driver is asyncpg, which
costs half of what psycopg does here (docs/decisions/0003); elsewhere SQLAlchemy and psycopg are used.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from chatbot.config.settings import DatabaseSettings
from chatbot.core.errors import NotFound, Unavailable
from chatbot.core.principal import Principal
from chatbot.database.context import ContextSigner

_RECALL = "SELECT history, passages FROM chatbot.recall_turn($1, $2, $3, $4, $5, $6)"
_STORE = "SELECT chatbot.store_question($1, $2, $3, $4)"
_FINISH = "SELECT chatbot.finish_turn($1, $2, $3, $4, $5)"
_TIMEOUT_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Recalled:
    """What the database knows before the model is asked.

    `history`: the latest messages, oldest first, each with `author` and `content`.
    `passages`: best first, each with `chunk`, `document`, `title`, `section` and `content`.
    """

    history: list[dict[str, str]]
    passages: list[dict[str, Any]]


class TurnStore:
    """Recalls, stores and finishes turns for a principal."""

    def __init__(self, settings: DatabaseSettings, signer: ContextSigner, password: str) -> None:
        self._signer = signer
        self._options: dict[str, Any] = {
            "host": settings.host,
            "port": settings.port,
            "database": settings.name,
            "user": signer.role,
            "password": password,
            "min_size": 2,
            "max_size": settings.pool_size,
            "max_inactive_connection_lifetime": 0,
            "command_timeout": _TIMEOUT_SECONDS * 2,
            "reset": _keep_as_is,
        }

    async def open(self) -> None:
        """Connect. Raises `OSError` or `asyncpg.PostgresError` when the server cannot be used."""
        self._pool = await asyncpg.create_pool(**self._options)

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()

    async def recall(
        self, principal: Principal, conversation: UUID, question: str, vector: str, passages: int, history: int
    ) -> Recalled:
        """Return history and passages for a question. Raises `NotFound` for a conversation not the principal's own."""
        context = self._signer.sign(principal)
        row = await self._call(_RECALL, context, conversation, question, vector, passages, history)
        if row is None:
            raise NotFound("There is no such conversation.")
        return Recalled(orjson.loads(row[0]), orjson.loads(row[1]))

    async def store_question(self, principal: Principal, conversation: UUID, question: str, *, first: bool) -> int:
        """Keep the question and return its id; when this returns, it is durable."""
        row = await self._call(_STORE, self._signer.sign(principal), conversation, question, first)
        return int(row[0]) if row else 0

    async def finish(self, principal: Principal, conversation: UUID, answer: str, citations: str, outcome: str) -> int:
        """Keep the answer (`outcome`: complete, stopped or failed) and return its id."""
        row = await self._call(_FINISH, self._signer.sign(principal), conversation, answer, citations, outcome)
        return int(row[0]) if row else 0

    async def _call(self, statement: str, *values: object) -> asyncpg.Record | None:
        try:
            async with self._pool.acquire(timeout=_TIMEOUT_SECONDS) as connection:
                return await connection.fetchrow(statement, *values)
        except asyncpg.ForeignKeyViolationError:
            # the conversation was deleted while the turn ran
            raise NotFound("There is no such conversation.") from None
        except TimeoutError:
            raise Unavailable("The database is busy. Try again in a moment.") from None  # closed
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise DatabaseFault from error


async def _keep_as_is(connection: asyncpg.Connection) -> None:
    """Leave a returned connection alone: only the three statements above ever run on it, each its own transaction."""


class DatabaseFault(Exception):
    """The database refused or lost a statement. The cause is for the log, never for the caller."""
