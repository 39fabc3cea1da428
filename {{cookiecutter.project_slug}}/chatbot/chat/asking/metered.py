"""A language model that is paid for (part of control api-cost): no call without cover, no call that is not noted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, Protocol, cast

from chatbot.model.port import Finished, LanguageModel, ModelFailed, Piece, Prompt, ToolRequest
from chatbot.model.tokens import bound_prompt, count_prompt, tokens_of_bytes

_MOST_TOKENS = 10_000_000  # of one call; no model takes so many


class Purse(Protocol):
    """What pays: `chatbot.limits.spending.Spending`."""

    async def cover(self, prompt_tokens: int, answer_tokens: int) -> None:
        """Make sure that another call is paid for. Raises what tells the caller that it is not."""
        ...

    def note(self, prompt_tokens: int, answer_tokens: int) -> None:
        """Note what a call has used."""
        ...


class Metered:
    """The same model, paid from one purse. Several calls of one answer may follow each other."""

    def __init__(self, model: LanguageModel, purse: Purse, most_answer_tokens: int) -> None:
        self._model = model
        self._purse = purse
        self._most = most_answer_tokens

    async def answer(self, prompt: Prompt) -> AsyncIterator[Piece]:
        """Yield the model's pieces. What the provider says it used is noted, else an estimate of what was seen."""
        await self._purse.cover(bound_prompt(prompt), min(prompt.options.max_tokens or self._most, self._most))
        said, began, ending = 0, False, Finished("stop")
        try:
            # every adapter is an asynchronous generator, though the port promises an iterator only
            async with aclosing(cast(Any, self._model.answer(prompt))) as pieces:
                async for piece in pieces:
                    began = True
                    if isinstance(piece, Finished):
                        ending = piece
                    else:
                        said += len(piece.arguments if isinstance(piece, ToolRequest) else piece)
                    yield piece
        except (GeneratorExit, asyncio.CancelledError):
            began = True  # the reader left, before or after the first word: the provider had the prompt all the same
            raise
        except ModelFailed as failure:
            if failure.used is not None:  # it was answered, though not with an answer
                began, ending = True, failure.used
            raise
        finally:
            if began:
                asked = ending.prompt_tokens if ending.prompt_tokens is not None else count_prompt(prompt)
                answered = ending.answer_tokens if ending.answer_tokens is not None else tokens_of_bytes(said)
                self._purse.note(_sane(asked), _sane(answered))

    async def close(self) -> None:
        """Leave the model open: others use it."""


def _sane(tokens: int) -> int:
    """Return a number of tokens as far as one can be: a provider may be hostile, or wrong."""
    return max(0, min(tokens, _MOST_TOKENS))
