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
    history: tuple[Exchange | Untrusted, ...] = ()
    passages: tuple[Untrusted, ...] = ()
    options: AnswerOptions = AnswerOptions()
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


@dataclass(frozen=True, slots=True)
class Finished:
    """How an answer ended: `stop`, or `length` when it reached its limit; and the tokens used, where known."""

    reason: str
    prompt_tokens: int | None = None
    answer_tokens: int | None = None

    def plus(self, later: "Finished") -> "Finished":
        """Return how a later part ended, with the tokens of both; unknown when one of them is."""
        return Finished(
            later.reason,
            _sum(self.prompt_tokens, later.prompt_tokens),
            _sum(self.answer_tokens, later.answer_tokens),
        )


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


# what a model's answer is made of
Piece = str | ToolRequest | Finished


class ModelFailed(Unavailable):
    """The model did not answer, or answered something that is no answer."""

    title = "The language model did not answer"


class LanguageModel(Protocol):
    """Streams the answer to a prompt."""

    def answer(self, prompt: Prompt) -> AsyncIterator[Piece]:
        """Yield the answer in pieces as they arrive, then requests for the prompt's tools, at last how it ended.

        Without tools in the prompt there are no requests. Raises `ModelFailed`.
        """
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...
