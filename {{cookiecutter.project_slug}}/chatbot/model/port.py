"""What the chat asks of a language model, whichever one it is."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol

from chatbot.core.errors import Unavailable
from chatbot.core.untrusted import Untrusted


@dataclass(frozen=True, slots=True)
class Exchange:
    """One earlier message. `author` is `user` or `assistant`."""

    author: str
    content: str


@dataclass(frozen=True, slots=True)
class ToolOffer:
    """A tool that the model may ask for. `schema` is the JSON Schema of its arguments.

    `description` is a `str` when the operator wrote it, `Untrusted` when the tool's server did.
    """

    name: str
    description: str | Untrusted
    schema: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """The model asks for a tool. Everything in it is the model's own text: nothing is checked yet.

    `arguments` is what should be JSON; `id` ties the result to the request within one turn.
    """

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolStep:
    """A request of this turn and what came of it; `refused` when the result is the reason why nothing was done."""

    request: ToolRequest
    result: Untrusted
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Prompt:
    """A turn as segments with provenance. Passages are numbered from 1 in the order given.

    `steps` are this turn's tool calls so far; `must_answer` says that no further one will be made.
    """

    instructions: str
    question: str
    history: tuple[Exchange, ...] = ()
    passages: tuple[Untrusted, ...] = ()
    tools: tuple[ToolOffer, ...] = ()
    steps: tuple[ToolStep, ...] = ()
    must_answer: bool = False

    @property
    def holds_untrusted_text(self) -> bool:
        """Whether somebody else than the user and the operator wrote a part of it.

        An earlier answer counts: it rests on passages.
        """
        described = any(isinstance(tool.description, Untrusted) for tool in self.tools)
        return described or bool(self.passages or self.steps or self.history)


class ModelFailed(Unavailable):
    """The model did not answer, or answered something that is no answer."""

    title = "The language model did not answer"


class LanguageModel(Protocol):
    """Streams the answer to a prompt."""

    def answer(self, prompt: Prompt) -> AsyncIterator[str | ToolRequest]:
        """Yield the answer in pieces, as they arrive, and requests for the prompt's tools. Raises `ModelFailed`.

        Without tools in the prompt there are no requests.
        """
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...
