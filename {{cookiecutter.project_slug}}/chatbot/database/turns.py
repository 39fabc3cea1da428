"""The statements of a turn, each a fixed function call with bound parameters (control sql-params).

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

_RECALL = "SELECT history, passages, follows FROM chatbot.recall_turn($1, $2, $3, $4, $5, $6, $7)"
_FIND = "SELECT content, follows FROM chatbot.find_question($1, $2, $3)"
_STORE = "SELECT chatbot.store_question($1, $2, $3, $4, $5)"
_FINISH = "SELECT chatbot.finish_turn($1, $2, $3, $4, $5, $6)"
_TIMEOUT_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Recalled:
    """What the database knows before the model is asked.

    `history`: the messages on the way to the question, oldest first, each with `author` and `content`.
    `passages`: best first, each with `chunk`, `document`, `title`, `section` and `content`.
    `follows`: the message that the question follows, or None at the beginning.
    """

    history: list[dict[str, str]]
    passages: list[dict[str, Any]]
    follows: int | None


LATEST, BEGINNING = -1, 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a question stands: in which conversation, after which message (its id, `LATEST` or `BEGINNING`)."""

    conversation: UUID
    follows: int = LATEST


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many passages, and how many earlier messages, are recalled."""

    passages: int
    history: int


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer as it is kept. `citations` is JSON; `outcome` is complete, stopped or failed."""

    text: str
    citations: str
    outcome: str


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

    async def recall(self, principal: Principal, place: Place, question: str, vector: str, wanted: Wanted) -> Recalled:
        """Return history and passages for a question.

        Raises `NotFound` for a conversation, or a message to follow, that is not the principal's own.
        """
        context = self._signer.sign(principal)
        where = place.conversation, question, vector, wanted.passages, wanted.history, place.follows
        row = await self._call(_RECALL, context, *where)
        if row is None:
            raise _unknown(place)
        return Recalled(orjson.loads(row[0]), orjson.loads(row[1]), row[2])

    async def find_question(self, principal: Principal, conversation: UUID, question: int) -> tuple[str, Place]:
        """Return the text of a kept question and its place. Raises `NotFound`."""
        row = await self._call(_FIND, self._signer.sign(principal), conversation, question)
        if row is None:
            raise NotFound("There is no such question in this conversation.")
        return str(row[0]), Place(conversation, row[1] or BEGINNING)

    async def store_question(
        self, principal: Principal, conversation: UUID, question: str, follows: int | None, *, first: bool
    ) -> int:
        """Keep the question and return its id; when this returns, it is durable."""
        row = await self._call(_STORE, self._signer.sign(principal), conversation, question, first, follows)
        return int(row[0]) if row else 0

    async def finish(self, principal: Principal, conversation: UUID, question: int, answer: Kept) -> int:
        """Keep an answer to the message `question` and return its id."""
        context = self._signer.sign(principal)
        row = await self._call(_FINISH, context, conversation, answer.text, answer.citations, answer.outcome, question)
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


def _unknown(place: Place) -> NotFound:
    if place.follows in (LATEST, BEGINNING):
        return NotFound("There is no such conversation.")
    return NotFound("There is no such conversation, or no such message in it.")


async def _keep_as_is(connection: asyncpg.Connection) -> None:
    """Leave a returned connection alone: only the statements above ever run on it, each its own transaction."""


class DatabaseFault(Exception):
    """The database refused or lost a statement. The cause is for the log, never for the caller."""
