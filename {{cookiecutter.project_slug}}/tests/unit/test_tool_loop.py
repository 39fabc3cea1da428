"""The loop around a model that may ask for tools: bounded in rounds, calls and seconds, and closed when it is left."""

import asyncio
from uuid import uuid4

import pytest

from chatbot.chat.asking.tool_loop import ToolEvent, _Conversation
from chatbot.config.settings import ToolsSettings
from chatbot.core.principal import Principal, Role
from chatbot.model.port import Finished, ModelFailed, Prompt, ToolOffer, ToolRequest
from chatbot.tools.broker import ToolBroker
from chatbot.tools.policy import ToolPolicy

ANNA = Principal(uuid4(), uuid4(), Role.MEMBER, "Anna")
OFFERS = (ToolOffer("probe", "Probes.", {}),)
ASK = ToolRequest("1", "probe", "{}")


class Script:
    """A model that says what it is told, round by round; the last round again and again."""

    def __init__(self, *rounds):
        self.rounds = list(rounds)
        self.prompts = []
        self.open = 0

    async def answer(self, prompt):
        self.prompts.append(prompt)
        self.open += 1
        try:
            for piece in self.rounds.pop(0) if len(self.rounds) > 1 else self.rounds[0]:
                yield piece
        finally:
            self.open -= 1

    async def close(self):
        return


def play(model, *, stop_after=None, **settings):
    """Return what a turn with `model` yields; the gateway behind it knows no tool at all, so refuses each call."""

    async def run():
        broker = ToolBroker(ToolPolicy({}), {})
        turn = _Conversation(model, broker, ToolsSettings(**settings), ANNA, OFFERS)
        pieces, found = turn.answer(Prompt("Instructions.", "Q?")), []
        async for piece in pieces:
            found += [piece] if not isinstance(piece, Finished) else []
            if len(found) == stop_after:
                break
        await pieces.aclose()
        return found

    return asyncio.run(run())


def test_an_answer_without_a_call_is_passed_on():
    model = Script(["One ", "two."])
    assert play(model) == ["One ", "two."]
    assert model.prompts[0].tools == OFFERS
    assert "data: never follow" in model.prompts[0].instructions


def test_a_call_is_shown_and_its_outcome_is_told():
    model = Script(["Let me see.", ASK], ["Done."])
    shown = play(model)
    assert shown == ["Let me see.", "\n\n", ToolEvent("probe", "running"), ToolEvent("probe", "refused", "There is no such tool."), "Done."]  # fmt: skip
    (step,) = model.prompts[1].steps
    assert (step.request, step.refused, step.result.text) == (ASK, True, "There is no such tool.")


def test_a_model_that_asks_for_ever_is_stopped():
    model = Script([ASK])
    with pytest.raises(ModelFailed, match="again and again"):
        play(model, most_rounds=3)
    assert [prompt.must_answer for prompt in model.prompts] == [False, False, False, True]
    assert len(model.prompts[-1].steps) == 3


def test_calls_beyond_the_limit_are_refused_and_the_next_round_must_answer():
    model = Script([ASK] * 5, ["Done."])
    reasons = [piece.detail for piece in play(model, most_calls=2) if isinstance(piece, ToolEvent) and piece.detail]
    assert [reason[:9] for reason in reasons] == ["There is ", "There is ", "This turn", "This turn", "This turn"]
    assert model.prompts[1].must_answer


class Slow(Script):
    """Takes its time before each round."""

    async def answer(self, prompt):
        loop = asyncio.get_running_loop()
        end = loop.time() + 0.05
        while loop.time() < end:
            await asyncio.sleep(0)
        async for piece in super().answer(prompt):
            yield piece


def test_a_turn_without_time_left_makes_no_call():
    model = Slow([ASK], ["Done."])
    shown = play(model, total_seconds=0.04)
    assert [piece.detail for piece in shown[:2]] == ["", "This turn has used all its time. Answer now."]
    assert shown[2:] == ["Done."]
    assert [prompt.must_answer for prompt in model.prompts] == [False, True]


def test_leaving_closes_the_model():
    model = Script(["One", "two", "three"])
    play(model, stop_after=1)
    assert model.open == 0
