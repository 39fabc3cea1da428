"""The hot path's three statements, each a fixed function call with bound parameters (control sql-params).

They have a pool of their own, from which no other code gets a connection: so their statements can stay
prepared, and nothing that another statement left in a session can meet them.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection, Error
from psycopg.errors import ForeignKeyViolation
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from chatbot.config.settings import DatabaseSettings
from chatbot.core.errors import NotFound, Unavailable
from chatbot.core.principal import Principal
from chatbot.database.context import ContextSigner
from chatbot.database.engines import connection_options

_RECALL = "SELECT history, passages FROM chatbot.recall_turn(%s, %s, %s, %s, %s, %s)"
_STORE = "SELECT chatbot.store_question(%s, %s, %s)"
_FINISH = "SELECT chatbot.finish_turn(%s, %s, %s, %s, %s)"


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
        options = connection_options(settings, signer.role, password)
        # prepared at first use: the connections are private to these three statements
        options |= {"autocommit": True, "prepare_threshold": 0}
        self._pool: AsyncConnectionPool[AsyncConnection[tuple[Any, ...]]] = AsyncConnectionPool(
            kwargs=options, min_size=2, max_size=settings.pool_size, timeout=5, open=False, num_workers=1
        )

    async def open(self) -> None:
        """Connect. Raises `psycopg_pool.PoolTimeout` when the server cannot be reached."""
        await self._pool.open(wait=True, timeout=10)

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()

    async def recall(
        self, principal: Principal, conversation: UUID, question: str, vector: str, passages: int, history: int
    ) -> Recalled:
        """Return history and passages for a question. Raises `NotFound` for a conversation not the principal's own."""
        context = self._signer.sign(principal)
        row = await self._call(_RECALL, (context, conversation, question, vector, passages, history))
        if row is None:
            raise NotFound("There is no such conversation.")
        return Recalled(*row)

    async def store_question(self, principal: Principal, conversation: UUID, question: str) -> int:
        """Keep the question and return its id; when this returns, it is durable."""
        row = await self._call(_STORE, (self._signer.sign(principal), conversation, question))
        return int(row[0]) if row else 0

    async def finish(self, principal: Principal, conversation: UUID, answer: str, citations: str, outcome: str) -> int:
        """Keep the answer (`outcome`: complete, stopped or failed) and return its id."""
        row = await self._call(_FINISH, (self._signer.sign(principal), conversation, answer, citations, outcome))
        return int(row[0]) if row else 0

    async def _call(self, statement: str, values: tuple[object, ...]) -> tuple[Any, ...] | None:
        try:
            async with self._pool.connection() as connection:
                cursor = await connection.execute(statement, values)
                return await cursor.fetchone()
        except ForeignKeyViolation:
            # the conversation was deleted while the turn ran
            raise NotFound("There is no such conversation.") from None
        except PoolTimeout:
            raise Unavailable("The database is busy. Try again in a moment.") from None  # closed
        except Error as error:
            raise DatabaseFault from error


class DatabaseFault(Exception):
    """The database refused or lost a statement. The cause is for the log, never for the caller."""
