"""One turn of a conversation, from the question to the stored answer."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import orjson

from chatbot.chat.asking.metered import Metered, Purse
from chatbot.chat.asking.prompt import (
    AnswerSettings,
    assemble_prompt,
    cite_passages,
    cited_numbers,
    embed_question,
    searched_text,
)
from chatbot.chat.asking.tool_loop import ToolEvent, ToolLoop
from chatbot.chat.asking.typed import Typed
from chatbot.chat.links import written_links
from chatbot.chat.streaming import AnswerRenderer
from chatbot.core.errors import Problem
from chatbot.core.principal import Principal
from chatbot.core.visible import VisibleStream, visible_text
from chatbot.database.calls.turns import Kept, Place, Recalled, TurnStore, Wanted
from chatbot.limits.heavy import HeavyWork
from chatbot.model.embedding import Embedder
from chatbot.model.port import Finished, LanguageModel, ModelFailed, Piece, ToolRequest
from chatbot.monitoring.refusals import note_refusal

_log = logging.getLogger(__name__)
_HISTORY = 12
_MOST_CHARACTERS = 64_000  # of an answer
_NO_VECTOR = "[" + ",".join("0" * 384) + "]"

_OUTCOMES = {"length": "length", "content_filter": "filtered"}
# name and data of a server-sent event
Event = tuple[str, dict[str, Any]]
Update = TypeVar("Update", dict[str, Any], dict[str, Any] | None)
Answer = Callable[[], AsyncIterator[Piece | ToolEvent]]


@dataclass(slots=True)
class _Answer:
    pieces: list[str] = field(default_factory=list)
    outcome: str = "stopped"  # until the model has said its last word
    length: int = 0
    keeping: asyncio.Future[int] | None = None
    seen: VisibleStream = field(default_factory=VisibleStream)

    def add(self, piece: str) -> str:
        """Take a piece and return what is shown and kept: what can be seen of it."""
        room = _MOST_CHARACTERS - self.length
        self.pieces.append(self.seen.feed(piece[:room]))
        self.length += len(piece)
        if len(piece) > room:
            raise ModelFailed("The model's answer is too long. It was cut off.")
        return self.pieces[-1]

    def finish(self) -> str:
        """Return the last of it."""
        self.pieces.append(self.seen.finish())
        return self.pieces[-1]


class TurnService:
    """Answers questions for principals."""

    def __init__(
        self,
        store: TurnStore,
        model: LanguageModel,
        embedder: Embedder,
        settings: AnswerSettings,
        tools: ToolLoop | None = None,
        *,
        heavy: HeavyWork,
    ) -> None:
        self._store = store
        self._model = model
        self._tools = tools
        self._embedder = embedder
        self._settings = settings
        self._heavy = heavy

    async def ask(self, who: Principal, purse: Purse, place: Place, typed: Typed, *, search: bool = True) -> "Turn":
        """Recall what a new question needs. Raises `NotFound` for a place that is not the principal's own."""
        question = Question(place.conversation, typed.text, None, typed.hidden)
        return await self._begin(who, purse, place, question, search=search)

    async def answer_again(
        self, who: Principal, purse: Purse, conversation: UUID, question: int, *, search: bool = True
    ) -> "Turn":
        """Recall what a kept question needs, for another answer beside the first. Raises `NotFound`."""
        text, place = await self._store.find_question(who, conversation, question)
        return await self._begin(who, purse, place, Question(conversation, visible_text(text), question), search=search)

    async def _begin(self, who: Principal, purse: Purse, place: Place, question: "Question", *, search: bool) -> "Turn":
        text = question.text
        searched = searched_text(text)
        vector = await embed_question(self._heavy, who.user_id, self._embedder, searched) if search else _NO_VECTOR
        wanted = Wanted(self._settings.passages if search else 0, _HISTORY)
        recalled = await self._store.recall(who, place, searched, vector, wanted)
        model = Metered(self._model, purse, self._settings.max_answer_tokens)
        answering = await self._tools.begin(who, model) if self._tools else model.answer
        prompt = assemble_prompt(self._settings, who.tenant_id, question.text, recalled)
        return Turn(self._store, partial(answering, prompt), self._heavy, who, question, recalled)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. `kept` is its message when it was asked before, None when it is new.

    `hidden` is how many characters were removed because nobody sees them.
    """

    conversation: UUID
    text: str
    kept: int | None
    hidden: int = 0


class Turn:
    """A turn that may begin: the principal owns the conversation."""

    def __init__(
        self,
        store: TurnStore,
        answer: Answer,
        heavy: HeavyWork,
        who: Principal,
        question: Question,
        recalled: Recalled,
    ) -> None:
        self._store = store
        self._answer = answer
        self._heavy = heavy
        self._who = who
        self._question = question
        self._follows = recalled.follows
        self._citations = cite_passages(recalled.passages)
        self._is_first = not recalled.history

    async def events(self) -> AsyncIterator[Event]:
        """Yield the turn's events: `begin`, any number of `update` and `tool`, then `end` or `problem`.

        The question is durable before `begin`. However the stream ends, what was answered is stored.
        """
        answer = _Answer()
        pieces = self._answer()
        # the model works while the question is stored; nothing is shown before it is
        first = asyncio.ensure_future(anext(pieces, None))
        try:
            question = await self._store_question()
        except BaseException:
            first.cancel()
            raise
        try:
            yield (
                "begin",
                {
                    "question": question,
                    "parent": self._follows,
                    "citations": self._citations,
                    "hidden_characters": self._question.hidden,
                },
            )
            renderer = AnswerRenderer(written_links(self._question.text), len(self._citations))
            piece = await first
            while piece is not None and not isinstance(piece, Finished):
                for event in await self._show(renderer, answer, piece):
                    yield event
                piece = await anext(pieces, None)
            renderer.add(answer.finish())
            yield "update", await self._render(renderer, renderer.finish)
            _note_removed(answer, renderer)
            answer.outcome = _OUTCOMES.get(piece.reason if piece else "stop", "complete")
            yield "end", await self._end(question, answer)
        except Problem as problem:
            answer.outcome = "failed"
            await self._keep_if_possible(question, answer)
            yield problem_event(problem)
        finally:
            first.cancel()
            # every adapter is an asynchronous generator, though the port promises an iterator only
            await pieces.aclose()  # type: ignore[attr-defined]
            await self._keep_if_possible(question, answer)

    async def _show(
        self, renderer: AnswerRenderer, answer: _Answer, piece: str | ToolRequest | ToolEvent
    ) -> list[Event]:
        """Return the events for a piece. A tool may take its time: what was said before it is shown first."""
        tool = [("tool", piece.fields())] if isinstance(piece, ToolEvent) else []
        shown = None if isinstance(piece, ToolEvent) else renderer.add(answer.add(_text(piece)))
        if renderer.is_due or (tool and renderer.is_behind):
            shown = await self._render(renderer, renderer.read)
        return [("update", shown), *tool] if shown else tool

    async def _render(self, renderer: AnswerRenderer, work: Callable[[], Update]) -> Update:
        return work() if renderer.is_short else await self._heavy.run(self._who.user_id, work)

    async def _end(self, question: int, answer: _Answer) -> dict[str, Any]:
        """Keep a whole answer, and return what the page is told at its end."""
        cited = cited_numbers("".join(answer.pieces), len(self._citations))
        return {"answer": await self._keep(question, answer), "outcome": answer.outcome, "cited": cited}

    async def _store_question(self) -> int:
        if self._question.kept is not None:
            return self._question.kept
        return await self._store.store_question(
            self._who, self._question.conversation, self._question.text, self._follows, first=self._is_first
        )

    async def _keep(self, question: int, answer: _Answer) -> int:
        """Store the answer, once however often it is asked for, and even when nobody waits for it any more."""
        if answer.keeping is None:
            kept = Kept("".join(answer.pieces), orjson.dumps(self._citations).decode(), answer.outcome)
            storing = self._store.finish(self._who, self._question.conversation, question, kept)
            answer.keeping = asyncio.ensure_future(storing)
        return await asyncio.shield(answer.keeping)

    async def _keep_if_possible(self, question: int, answer: _Answer) -> None:
        """Store an answer that did not come to its end: its reader is told of that, not of this."""
        try:
            await self._keep(question, answer)
        except Exception as error:
            _log.warning("an answer could not be kept", extra={"cause": type(error).__name__})


def _note_removed(answer: _Answer, renderer: AnswerRenderer) -> None:
    if answer.seen.hidden:
        note_refusal("web-output", "hidden characters of an answer were removed", answer.seen.hidden)
    if renderer.unlinked:
        note_refusal("web-output", "links and images of an answer became text", renderer.unlinked)


def problem_event(problem: Problem) -> Event:
    """Return the event that ends a stream which cannot go on."""
    return "problem", {"status": problem.status, "title": problem.title, "detail": problem.detail}


def _text(piece: str | ToolRequest) -> str:
    if isinstance(piece, ToolRequest):  # closed: nobody is there to judge it
        raise ModelFailed("The model asked for a tool, and none was offered.")
    return piece
