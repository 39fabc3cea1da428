"""A language model that is paid for (part of control api-cost): no call without cover, no call that is not noted.

Stops: a reader who leaves, before the first word or just before the last, and an endpoint that reports nothing or
nonsense, from making a call cheaper than what was sent and said; a report from making it dearer than it can have been.
A token is one byte at the least (a tokenizer makes at most one of each), so without a report worth believing bytes are
charged. Fails closed: an endpoint that was reached and did not answer has had the prompt.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, Protocol, cast

from chatbot.model.port import Finished, LanguageModel, ModelFailed, Piece, Prompt, Unseen
from chatbot.model.tokens import count_bytes, measure_prompt

_MAX_BYTES_PER_TOKEN = 16  # of a whole text: a report of fewer tokens is not believed


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
        """Yield the model's pieces, and note what they cost, however it ends."""
        sent, most_asked = measure_prompt(prompt)
        most_said = min(prompt.options.max_tokens or self._most, self._most)
        await self._purse.cover(most_asked, most_said)
        said, began, ending = 0, False, Finished("stop")
        try:
            # every adapter is an asynchronous generator, though the port promises an iterator only
            async with aclosing(cast(Any, self._model.answer(prompt))) as pieces:
                async for piece in pieces:
                    began = True
                    if isinstance(piece, Unseen):
                        said += piece.size
                        continue
                    if isinstance(piece, Finished):
                        ending = piece
                    elif isinstance(piece, str):
                        said += count_bytes(piece)
                    yield piece
        except (GeneratorExit, asyncio.CancelledError):
            began = True  # the reader left, before or after the first word: the provider had the prompt all the same
            raise
        except ModelFailed as failure:
            if failure.used is not None:
                began, ending = True, failure.used
            raise
        finally:
            if began:
                self._purse.note(
                    _believed(ending.prompt_tokens, sent, most_asked) or most_asked,
                    _believed(ending.answer_tokens, said, max(said, most_said)) or said,
                )

    async def close(self) -> None:
        """Leave the model open: others use it."""


def _believed(reported: int | None, size: int, bound: int) -> int | None:
    """Return the reported tokens of a text of `size` bytes, at most `bound`; None for a report that cannot be true."""
    if reported is None or reported < size // _MAX_BYTES_PER_TOKEN:
        return None
    return min(reported, bound)
