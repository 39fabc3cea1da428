"""Asks the model, makes the tool calls that it asks for, and asks again, within bounds.

Stops: a model that asks for ever. Rounds, calls and seconds of one turn are bounded; in the last round no
tool is offered any more. Every call goes through the tool gateway, which judges it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, cast

from chatbot.chat.asking.metered import Metered
from chatbot.chat.asking.prompt import add_tools
from chatbot.config.settings import ToolsSettings
from chatbot.core.principal import Principal
from chatbot.model.port import Finished, ModelFailed, Piece, Prompt, ToolOffer, ToolRequest, ToolStep
from chatbot.tools.broker import ToolBroker
from chatbot.tools.calls import ToolCall, ToolResult, Verdict


@dataclass(frozen=True, slots=True)
class ToolEvent:
    """What the user sees of a call. `name` may be any the model made up; `detail` is the reason of a refusal."""

    name: str
    state: Literal["running", "done", "refused"]
    detail: str = ""

    def fields(self) -> dict[str, Any]:
        """Return the event's data for the page."""
        return asdict(self)


# what a turn gets its answer from: the model's `answer`, or that of a model with tools
Answering = Callable[[Prompt], AsyncIterator[Piece | ToolEvent]]


class ToolLoop:
    """Gives a language model its tools."""

    def __init__(self, broker: ToolBroker, settings: ToolsSettings) -> None:
        self._broker = broker
        self._settings = settings

    async def begin(self, who: Principal, model: Metered) -> Answering:
        """Return what answers prompts for `who`: `model` with the tools offered to them, or alone without any."""
        offers = await self._broker.offers(who)
        return _Conversation(model, self._broker, self._settings, who, offers).answer if offers else model.answer


@dataclass(slots=True)
class _Conversation:
    """One turn with a model that may ask for tools."""

    model: Metered
    broker: ToolBroker
    settings: ToolsSettings
    who: Principal
    offers: tuple[ToolOffer, ...]
    calls: int = 0
    end: float = 0.0

    async def answer(self, prompt: Prompt) -> AsyncIterator[Piece | ToolEvent]:
        """Yield the answer's pieces, an event before and after each call, and how it ended. Raises `ModelFailed`."""
        self.end = asyncio.get_running_loop().time() + self.settings.total_seconds
        prompt = add_tools(prompt, self.offers)
        used = Finished("stop", 0, 0)
        for number in range(self.settings.most_rounds + 1):
            prompt = replace(prompt, must_answer=number == self.settings.most_rounds or self._is_spent())
            requests, spoke = [], False
            ending = Finished("stop")
            # every adapter is an asynchronous generator, though the port promises an iterator only
            async with aclosing(cast(Any, self.model.answer(prompt))) as pieces:
                async for piece in pieces:
                    if isinstance(piece, ToolRequest):
                        requests.append(piece)
                    elif isinstance(piece, Finished):
                        ending = piece
                    else:
                        spoke = True
                        yield piece
            used = used.plus(ending)
            if not requests:
                yield used
                return
            if prompt.must_answer:
                break
            if spoke:
                yield "\n\n"  # what comes after the calls is a paragraph of its own
            for request in requests:
                yield ToolEvent(request.name, "running")
                result = await self._call(request, untrusted=prompt.holds_untrusted_text)
                done = result.verdict is Verdict.DONE
                yield ToolEvent(request.name, "done" if done else "refused", result.reason)
                prompt = replace(prompt, steps=(*prompt.steps, ToolStep(request, result.text, refused=not done)))
        raise ModelFailed("The model asked for tools again and again, and gave no answer.")

    async def _call(self, request: ToolRequest, *, untrusted: bool) -> ToolResult:
        call = ToolCall(request.name, request.arguments)
        self.calls += 1
        if self.calls > self.settings.most_calls:
            return self.broker.refuse(self.who, call, "This turn has made all the calls it may. Answer now.")
        left = self.end - asyncio.get_running_loop().time()
        if left <= 0:
            return self.broker.refuse(self.who, call, "This turn has used all its time. Answer now.")
        return await self.broker.call(self.who, call, untrusted=untrusted, most_seconds=left)

    def _is_spent(self) -> bool:
        return self.calls >= self.settings.most_calls or asyncio.get_running_loop().time() >= self.end
