"""One answer never holds the event loop, whatever a model says: the longest step is bounded in processor time."""

import asyncio
import contextvars
import threading
import time
from collections.abc import AsyncIterator
from typing import Any, cast
from uuid import UUID

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chatbot.chat.asking.metered import Purse
from chatbot.chat.asking.prompt import AnswerSettings
from chatbot.chat.asking.typed import Typed
from chatbot.chat.completion import Asked, CompletionService
from chatbot.chat.nodes import parse_blocks, render_answer
from chatbot.chat.turn import TurnService
from chatbot.core.principal import Principal, Role
from chatbot.database.calls.turns import Kept, Place, Recalled, TurnStore
from chatbot.gateway.routes.turns import encode_event
from chatbot.limits.heavy import HeavyWork
from chatbot.model.embedding import Embedder
from chatbot.model.port import AnswerOptions, Finished, LanguageModel
from tests.unit.test_nodes import apply_update

MOST = 64_000  # characters of an answer
MAX_UNITS = 8
ENOUGH = 8_000  # to tell: each of them took the loop ten times what is allowed
ALICE = Principal(UUID(int=1), UUID(int=2), Role.MEMBER, "Alice")
# what each of them is made of is repeated; the first ones held the loop for seconds
UNITS = {
    "ordered": "1) a\n", "header rows": "|a|b\n|-|-\n", "nested list": "- a\n  ", "lazy quote": "a\n", "list": "- ab\n",
    "quote": "> a\n", "brackets": "[", "open links": "[a](", "images": "![", "links": "[a](b) ", "emphasis": "*a ",
    "strong": "**a", "underscores": "_a_ ", "struck": "~~a~", "stars": "*", "backticks": "`a", "html": "<a ",
    "entities": "&amp;", "escapes": "\\[", "citations": "[1]", "words": "word ", "fences": "```\n", "tabs": "\t- a\n",
    "quoted list": "> - ", "rules": "***\n", "headings": "# a\n", "python": "x = '1'\n", "nothing": "\n", "rows": "|a|b|\n",
}  # fmt: skip
WHOLE = {"words", "citations"}
HEADS = {"lazy quote": "> " * 19 + "\n", "python": "```python\n", "rows": "|a|b|\n|-|-|\n"}


class Store:
    """Keeps what a turn keeps, in no time."""

    def __init__(self) -> None:
        self.kept: Kept | None = None

    async def recall(self, *_: object) -> Recalled:
        return Recalled([], [], None)

    async def find_passages(self, *_: object) -> list[dict[str, Any]]:
        return []

    async def store_question(self, *_: object, first: bool) -> int:
        return 1

    async def finish(self, _who: Principal, _conversation: UUID, _question: int, kept: Kept) -> int:
        self.kept = kept
        return 2


class Model:
    """Says pieces, several in one read as a fast endpoint does."""

    def __init__(self, pieces: list[str], at_once: int) -> None:
        self._pieces, self._at_once = pieces, at_once

    async def answer(self, _prompt: object) -> AsyncIterator[str | Finished]:
        for number, piece in enumerate(self._pieces):
            if number % self._at_once == 0:
                await asyncio.sleep(0)
            yield piece
        yield Finished("stop")

    async def close(self) -> None:
        return


class Free:
    async def cover(self, *_: int) -> None:
        return

    def note(self, *_: int) -> None:
        return


class Words:
    def __init__(self) -> None:
        self.threads: list[int] = []

    def embed(self, _text: str) -> list[float]:
        self.threads.append(threading.get_ident())
        return [0.0] * 384


def shown_by(service: TurnService) -> tuple[list[Any], float]:
    """Return the nodes that the page shows, and the longest step of the loop in seconds of its own processor time."""
    steps: list[float] = []
    nodes: list[Any] = []
    run = asyncio.Handle._run

    def timed(handle: asyncio.Handle) -> None:
        begun = time.thread_time()
        run(handle)
        steps.append(time.thread_time() - begun)

    async def turn() -> None:
        place = Place(UUID(int=3))
        asked = await service.ask(ALICE, cast(Purse, Free()), place, Typed("Why?", 0), search=False)
        done: list[Any] = []
        now: list[Any] = []
        async for event in asked.events():
            encode_event(event)
            if event[0] == "update":
                done, now = apply_update(done, now, event[1])
            assert event[0] != "problem", event
        nodes.extend(done)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio.Handle, "_run", timed)
        contextvars.copy_context().run(asyncio.run, turn())
    return nodes, max(steps)


def service_saying(pieces: list[str], at_once: int) -> TurnService:
    model = cast(LanguageModel, Model(pieces, at_once))
    store = cast(TurnStore, Store())
    return TurnService(store, model, cast(Embedder, Words()), AnswerSettings(), heavy=HeavyWork())


def unit() -> float:
    """Return the processor time of a few milliseconds' work on this machine: 64 characters of a list are read."""
    begun = time.thread_time()
    for _ in range(10):
        parse_blocks("1) a\n" * 32)
    return (time.thread_time() - begun) / 10


def longest_step(text: str, piece: int, at_once: int) -> float:
    pieces = [text[start : start + piece] for start in range(0, len(text), piece)]
    nodes, longest = shown_by(service_saying(pieces, at_once))
    assert nodes == render_answer(text, citations=0)
    return longest / unit()


@pytest.mark.parametrize("name", UNITS)
def test_no_pattern_holds_the_loop(name: str) -> None:
    text = (HEADS.get(name, "") + UNITS[name] * MOST)[: MOST if name in WHOLE else ENOUGH]
    # one of two, since a collection of garbage may fall into any step
    assert any(longest_step(text, piece, at_once) < MAX_UNITS for piece, at_once in ((4000, 1), (400, 4)))


@given(
    st.lists(st.tuples(st.sampled_from(list(UNITS.values())), st.integers(1, 400)), min_size=1, max_size=6),
    st.integers(50, 4000),
)
@example([("> ", 19), ("\n", 1), ("a\n", 4000)], 900)
@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_no_mixture_holds_the_loop(parts: list[tuple[str, int]], piece: int) -> None:
    text = "".join(unit * times for unit, times in parts)[:5000]
    assert any(longest_step(text, piece, at_once) < MAX_UNITS for at_once in (1, 3))


@pytest.mark.parametrize(("characters", "on_the_loop"), [(200, True), (201, False), (2000, False)])
def test_a_long_question_is_embedded_off_the_loop(characters: int, on_the_loop: bool) -> None:
    words = Words()
    parts = cast(TurnStore, Store()), cast(LanguageModel, Model([], 1)), cast(Embedder, words), AnswerSettings()
    turns, completions = TurnService(*parts, heavy=HeavyWork()), CompletionService(*parts, heavy=HeavyWork())
    question = "a" * characters

    async def ask() -> None:
        await turns.ask(ALICE, cast(Purse, Free()), Place(UUID(int=3)), Typed(question, 0))
        await completions.begin(ALICE, cast(Purse, Free()), Asked(question, (), AnswerOptions(), search=True))

    asyncio.run(ask())
    assert [thread == threading.get_ident() for thread in words.threads] == [on_the_loop] * 2
