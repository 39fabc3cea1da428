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
class Prompt:
    """A turn as segments with provenance. Passages are numbered from 1 in the order given."""

    instructions: str
    question: str
    history: tuple[Exchange, ...] = ()
    passages: tuple[Untrusted, ...] = ()


class ModelFailed(Unavailable):
    """The model did not answer, or answered something that is no answer."""

    title = "The language model did not answer"


class LanguageModel(Protocol):
    """Streams the answer to a prompt."""

    def answer(self, prompt: Prompt) -> AsyncIterator[str]:
        """Yield the answer in pieces, as they arrive. Raises `ModelFailed`."""
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...
