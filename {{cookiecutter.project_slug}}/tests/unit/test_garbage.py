"""Collections of garbage are short, and whatever their age old objects are collected when nothing heavy goes on."""

import asyncio
import gc
import threading
import weakref
from collections.abc import Iterator
from contextlib import suppress
from uuid import UUID

import pytest

from chatbot.gateway.serving.garbage import collect_when_idle, short_pauses
from chatbot.limits.heavy import HeavyWork
from chatbot.wiring import Parts
from tests.house.routes import application

ALICE = UUID(int=1)
SOON = 30  # seconds: only a failure waits so long


class Node:
    """An object that can refer to itself."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture(autouse=True)
def as_a_gateway_has_it() -> Iterator[None]:
    """Collect garbage in these tests, which no other test does while it runs."""
    gc.enable()
    yield
    gc.disable()
    gc.unfreeze()


def old_collections() -> int:
    return int(gc.get_stats()[2]["collections"])


def test_a_long_answer_s_objects_are_not_looked_through_again_and_again() -> None:
    async def action() -> None:
        before = gc.get_threshold()
        async with short_pauses(HeavyWork()):
            gc.collect()  # CPython compares with what lived after the last one
            count, kept = old_collections(), []
            for _ in range(300_000):
                kept.append([kept])
            assert old_collections() == count, "all of them were looked at while they were made"
        assert gc.get_threshold() == before

    asyncio.run(action())


def test_what_was_there_before_is_never_looked_at() -> None:
    async def action() -> None:
        async with short_pauses(HeavyWork()):
            assert gc.get_freeze_count() > 10_000

    asyncio.run(action())


def test_the_gateway_runs_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(_services: Parts) -> None:
        """Connect to nothing, and close nothing."""

    for name in ("open", "close"):
        monkeypatch.setattr(Parts, name, nothing)

    async def action() -> None:
        app, before = application(), gc.get_threshold()
        async with app.router.lifespan_context(app):
            assert gc.get_threshold()[2] > 10**9 > before[2]
        assert gc.get_threshold() == before

    asyncio.run(action())


async def collect(heavy: HeavyWork, times: int) -> None:
    """Let the collector wake up so many times."""
    left = [times]

    async def wake(_seconds: float) -> None:
        if not left[0]:
            raise asyncio.CancelledError
        left[0] -= 1

    with suppress(asyncio.CancelledError):
        await collect_when_idle(heavy, wake)


def lost_and_old() -> "weakref.ref[Node]":
    node = Node()
    for _ in range(2):
        gc.collect(1)  # it is old now
    return weakref.ref(node)


def test_old_garbage_is_collected_when_nothing_heavy_is_under_way() -> None:
    async def action() -> None:
        lost = lost_and_old()
        await collect(HeavyWork(), 1)
        assert lost() is None

    asyncio.run(action())


def test_heavy_work_puts_it_off_and_cannot_do_so_for_ever() -> None:
    async def action() -> None:
        heavy, began, ending = HeavyWork(), threading.Event(), threading.Event()

        def work() -> None:
            began.set()
            assert ending.wait(SOON)

        piece = asyncio.ensure_future(heavy.run(ALICE, work))
        assert await asyncio.to_thread(began.wait, SOON)
        assert not heavy.is_idle
        lost = lost_and_old()
        await collect(heavy, 20)
        assert lost() is not None, "it was collected while heavy work was under way"
        await collect(heavy, 21)
        assert lost() is None, "heavy work without end would keep garbage for ever"
        lost = lost_and_old()
        ending.set()
        await piece
        assert heavy.is_idle
        await collect(heavy, 1)
        assert lost() is None

    asyncio.run(action())


def test_the_collector_ends_with_what_it_is_for() -> None:
    async def action() -> None:
        async with short_pauses(HeavyWork()):
            assert len(asyncio.all_tasks()) == 2
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(action())
