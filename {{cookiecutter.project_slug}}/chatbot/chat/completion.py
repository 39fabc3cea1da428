"""An answer without a conversation of ours: the client brings what was said before, and keeps what is answered."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from chatbot.chat.asking.metered import Metered, Purse
from chatbot.chat.asking.prompt import AnswerSettings, cite_passages, embed_question, quote_passage, searched_text
from chatbot.chat.asking.tool_loop import Answering, ToolEvent, ToolLoop
from chatbot.core.principal import Principal
from chatbot.core.untrusted import Untrusted
from chatbot.core.visible import VisibleStream
from chatbot.database.calls.turns import TurnStore
from chatbot.limits.heavy import HeavyWork
from chatbot.model.embedding import Embedder
from chatbot.model.port import AnswerOptions, Exchange, Finished, LanguageModel, ModelFailed, Prompt, ToolRequest
from chatbot.monitoring.refusals import note_refusal

_MOST_CHARACTERS = 64_000  # of an answer


@dataclass(frozen=True, slots=True)
class Said:
    """A message as the client tells it: `author` is user, assistant, system, tool or function."""

    author: str
    text: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with all that the client brings along."""

    question: str
    earlier: tuple[Said, ...]
    options: AnswerOptions
    search: bool


class CompletionService:
    """Answers questions that carry their own history."""

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
        self._embedder = embedder
        self._settings = settings
        self._tools = tools
        self._heavy = heavy

    async def begin(self, who: Principal, purse: Purse, asked: Asked) -> "Completion":
        """Find the passages that the question needs, as the principal may read them."""
        passages: list[dict[str, Any]] = []
        if asked.search:
            text = searched_text(asked.question)
            vector = await embed_question(self._heavy, who.user_id, self._embedder, text)
            passages = await self._store.find_passages(who, text, vector, self._settings.passages)
        prompt = Prompt(
            instructions=self._settings.instructions,
            question=asked.question,
            history=tuple(_retold(said) for said in asked.earlier),
            passages=tuple(quote_passage(passage) for passage in passages),
            options=asked.options,
            cache_salt=self._settings.cache_salt(who.tenant_id),
        )
        model = Metered(self._model, purse, self._settings.max_answer_tokens)
        answering = await self._tools.begin(who, model) if self._tools else model.answer
        return Completion(answering, prompt, cite_passages(passages))


class Completion:
    """An answer that may begin."""

    def __init__(self, answering: Answering, prompt: Prompt, citations: list[dict[str, Any]]) -> None:
        self._answering = answering
        self.prompt = prompt
        self.citations = citations

    async def pieces(self) -> AsyncIterator[str | Finished]:
        """Yield the answer as it comes, at last how it ended. Raises `ModelFailed`."""
        length, seen = 0, VisibleStream()
        pieces = self._answering(self.prompt)
        ending = Finished("stop")
        try:
            async for piece in pieces:
                if isinstance(piece, Finished):
                    ending = piece
                    break
                if isinstance(piece, ToolEvent):
                    continue  # the published schema has no word for it
                if isinstance(piece, ToolRequest):  # closed: nobody is there to judge it
                    raise ModelFailed("The model asked for a tool, and none was offered.")
                length += len(piece)
                if length > _MOST_CHARACTERS:
                    raise ModelFailed("The model's answer is too long. It was cut off.")
                if text := seen.feed(piece):
                    yield text
            if text := seen.finish():
                yield text
            if seen.hidden:
                note_refusal("web-output", "hidden characters of an answer were removed", seen.hidden)
            yield ending
        finally:
            await pieces.aclose()  # type: ignore[attr-defined]  # a generator, typed as the iterator callers need


def _retold(said: Said) -> Exchange | Untrusted:
    """Return an earlier message: the person's own words as theirs, everything else as data of unknown making.

    A client can write what it likes under any name: its `system` message gives no rights, its `assistant` message was
    perhaps never ours, its `tool` message comes from who knows where.
    """
    if said.author == "user":
        return Exchange("user", said.text)
    return Untrusted(said.text, source=f"{said.author} message, as the client tells it")
