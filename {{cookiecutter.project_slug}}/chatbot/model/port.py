"""What the chat asks of a language model, whichever one it is."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from chatbot.core.errors import Unavailable
from chatbot.core.untrusted import Untrusted


@dataclass(frozen=True, slots=True)
class Exchange:
    """One earlier message. `author` is `user` or `assistant`."""

    author: str
    content: str


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """What a caller wants of an answer; None leaves it to the model. `max_tokens` only ever lowers the setting's."""

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """A turn as segments with provenance. Passages are numbered from 1 in the order given."""

    instructions: str
    question: str
    history: tuple[Exchange | Untrusted, ...] = ()
    passages: tuple[Untrusted, ...] = ()
    options: AnswerOptions = AnswerOptions()


@dataclass(frozen=True, slots=True)
class Finished:
    """How an answer ended: `stop`, or `length` when it reached its limit; and the tokens used, where known."""

    reason: str
    prompt_tokens: int | None = None
    answer_tokens: int | None = None


class ModelFailed(Unavailable):
    """The model did not answer, or answered something that is no answer."""

    title = "The language model did not answer"


class LanguageModel(Protocol):
    """Streams the answer to a prompt."""

    def answer(self, prompt: Prompt) -> AsyncIterator[str | Finished]:
        """Yield the answer in pieces, as they arrive, and at last how it ended. Raises `ModelFailed`."""
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...
