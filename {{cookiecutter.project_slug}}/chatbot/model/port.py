"""What the chat asks of a language model, whichever one it is."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol

from chatbot.core.errors import Problem, Unavailable
from chatbot.core.untrusted import Untrusted
from chatbot.core.visible import visible_text


@dataclass(frozen=True, slots=True)
class Exchange:
    """One earlier message. `author` is `user` or `assistant`."""

    author: str
    content: str

    def __post_init__(self) -> None:
        """Leave what can be seen: it may be kept since before such text was removed."""
        object.__setattr__(self, "content", visible_text(self.content))


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

    `steps` are this turn's tool calls so far; `must_answer` says that no further one will be made. `cache_salt` is the
    same for the prompts that may share what an endpoint keeps of them, and nobody can guess another's.
    """

    instructions: str
    question: str
    history: tuple[Exchange | Untrusted, ...] = ()
    passages: tuple[Untrusted, ...] = ()
    options: AnswerOptions = AnswerOptions()
    tools: tuple[ToolOffer, ...] = ()
    steps: tuple[ToolStep, ...] = ()
    must_answer: bool = False
    cache_salt: str = ""

    @property
    def holds_untrusted_text(self) -> bool:
        """Whether somebody else than the user and the operator wrote a part of it.

        An earlier answer counts: it rests on passages.
        """
        described = any(isinstance(tool.description, Untrusted) for tool in self.tools)
        return described or bool(self.passages or self.steps or self.history)


@dataclass(frozen=True, slots=True)
class Finished:
    """How an answer ended: `stop`, `length` at its limit, or `content_filter`; and the tokens used, where known."""

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


@dataclass(frozen=True, slots=True)
class Unseen:
    """What the provider has done that no reader sees: the first one, that it has the prompt; then, so many bytes.

    Thoughts, and requests for tools while they arrive.
    """

    size: int = 0


# what an answer is made of
Piece = str | ToolRequest | Finished


class ModelFailed(Unavailable):
    """The model did not answer, or answered something that is no answer.

    `used` are the tokens of a call that the provider has worked on all the same: they are paid for.
    """

    title = "The language model did not answer"
    used: Finished | None = None


class ModelBusy(ModelFailed):
    """The endpoint asks to wait: so many seconds."""

    title = "The language model is busy"
    code = "rate_limit_exceeded"

    def __init__(self, seconds: int, *, status: int = 503) -> None:
        super().__init__(f"It can be asked again in {seconds} s.", status=status)
        self.headers = ((b"retry-after", str(seconds).encode()),)


class PromptTooLong(Problem):
    """The model cannot take as much text as the question comes with."""

    status = 400
    title = "That is too long for the language model"
    kind = "urn:chatbot:prompt-too-long"
    code = "context_length_exceeded"
    param = "messages"

    def __init__(self) -> None:
        super().__init__("Shorten the question, or begin a new conversation.")


class AnswerFiltered(Problem):
    """The provider's content filter refuses the question."""

    status = 400
    title = "The language model's content filter refused the question"
    kind = "urn:chatbot:content-filter"
    code = "content_filter"

    def __init__(self) -> None:
        super().__init__("Ask in other words.")


class LanguageModel(Protocol):
    """Streams the answer to a prompt."""

    def answer(self, prompt: Prompt) -> AsyncIterator[Piece | Unseen]:
        """Yield the answer in pieces as they arrive, then requests for the prompt's tools, at last how it ended.

        Between them stands what is paid for and not shown; without any of it a call that ends early costs nothing.
        Without tools in the prompt there are no requests. Raises `ModelFailed`.
        """
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...
