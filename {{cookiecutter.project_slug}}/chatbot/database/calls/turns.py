"""The statements of a turn, each a fixed function call with bound parameters (control sql-params)."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from chatbot.core.errors import NotFound
from chatbot.core.principal import Principal
from chatbot.database.calls.pool import FixedCalls
from chatbot.database.context import ContextSigner

_RECALL = "SELECT history, passages, follows FROM chatbot.recall_turn($1, $2, $3, $4, $5, $6, $7)"
_FIND = "SELECT content, follows FROM chatbot.find_question($1, $2, $3)"
_PASSAGES = "SELECT chatbot.find_passages($1, $2, $3, $4)"
_STORE = "SELECT chatbot.store_question($1, $2, $3, $4, $5)"
_FINISH = "SELECT chatbot.finish_turn($1, $2, $3, $4, $5, $6)"


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
    """An answer as it is kept. `citations` is JSON; `outcome` is complete, stopped, failed, length or filtered."""

    text: str
    citations: str
    outcome: str


class TurnStore:
    """Recalls, stores and finishes turns for a principal."""

    def __init__(self, calls: FixedCalls, signer: ContextSigner) -> None:
        self._calls = calls
        self._signer = signer

    async def recall(self, principal: Principal, place: Place, question: str, vector: str, wanted: Wanted) -> Recalled:
        """Return history and passages for a question.

        Raises `NotFound` for a conversation, or a message to follow, that is not the principal's own.
        """
        context = self._signer.sign(principal)
        where = place.conversation, question, vector, wanted.passages, wanted.history, place.follows
        row = await self._calls.row(_RECALL, context, *where)
        if row is None:
            raise _unknown(place)
        return Recalled(orjson.loads(row[0]), orjson.loads(row[1]), row[2])

    async def find_passages(self, principal: Principal, question: str, vector: str, count: int) -> list[dict[str, Any]]:
        """Return the passages for a question that belongs to no conversation, best first."""
        row = await self._calls.row(_PASSAGES, self._signer.sign(principal), question, vector, count)
        return list(orjson.loads(row[0])) if row else []

    async def find_question(self, principal: Principal, conversation: UUID, question: int) -> tuple[str, Place]:
        """Return the text of a kept question and its place. Raises `NotFound`."""
        row = await self._calls.row(_FIND, self._signer.sign(principal), conversation, question)
        if row is None:
            raise NotFound("There is no such question in this conversation.")
        return str(row[0]), Place(conversation, row[1] or BEGINNING)

    async def store_question(
        self, principal: Principal, conversation: UUID, question: str, follows: int | None, *, first: bool
    ) -> int:
        """Keep the question and return its id; when this returns, it is durable."""
        row = await self._calls.row(_STORE, self._signer.sign(principal), conversation, question, first, follows)
        return int(row[0]) if row else 0

    async def finish(self, principal: Principal, conversation: UUID, question: int, answer: Kept) -> int:
        """Keep an answer to the message `question` and return its id."""
        context = self._signer.sign(principal)
        row = await self._calls.row(
            _FINISH, context, conversation, answer.text, answer.citations, answer.outcome, question
        )
        return int(row[0]) if row else 0


def _unknown(place: Place) -> NotFound:
    if place.follows in (LATEST, BEGINNING):
        return NotFound("There is no such conversation.")
    return NotFound("There is no such conversation, or no such message in it.")
