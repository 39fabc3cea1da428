"""One user's heavy work takes one thread, and few requests wait for it."""

import asyncio
import gc
import threading
from contextlib import AsyncExitStack
from uuid import UUID

import pytest

from chatbot.limits.heavy import HeavyWork, TooManyAtOnce

ALICE, GRACE = UUID(int=1), UUID(int=2)
SOON = 30  # seconds: only a failure waits so long


class Piece:
    """Work that lasts until it is told to end."""

    def __init__(self) -> None:
        self.began, self.ending = threading.Event(), threading.Event()

    def work(self, found: str = "done", *, upper: bool = False) -> str:
        self.began.set()
        assert self.ending.wait(SOON)
        return found.upper() if upper else found


async def begun(piece: Piece) -> bool:
    return await asyncio.to_thread(piece.began.wait, SOON)


def test_one_user_s_pieces_follow_each_other_and_another_s_do_not_wait() -> None:
    async def play() -> None:
        heavy, first, second, other = HeavyWork(), Piece(), Piece(), Piece()
        one = asyncio.ensure_future(heavy.run(ALICE, first.work))
        assert await begun(first)
        two = asyncio.ensure_future(heavy.run(ALICE, second.work, "more", upper=True))
        others = asyncio.ensure_future(heavy.run(GRACE, other.work))
        assert await begun(other)
        assert not second.began.is_set()
        other.ending.set()
        assert await others == "done"
        assert not second.began.is_set()
        first.ending.set()
        second.ending.set()
        assert [await one, await two] == ["done", "MORE"]

    asyncio.run(play())


def test_a_cancelled_piece_keeps_its_thread_to_itself_until_it_ends() -> None:
    async def play() -> None:
        heavy, first, second = HeavyWork(), Piece(), Piece()
        one = asyncio.ensure_future(heavy.run(ALICE, first.work))
        assert await begun(first)
        one.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(one, SOON)
        two = asyncio.ensure_future(heavy.run(ALICE, second.work))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not second.began.is_set()
        first.ending.set()
        second.ending.set()
        assert await two == "done"

    asyncio.run(play())


def test_a_piece_that_fails_lets_the_next_begin() -> None:
    async def play() -> None:
        heavy, second = HeavyWork(), Piece()
        with pytest.raises(ZeroDivisionError):
            await heavy.run(ALICE, lambda: 1 // 0)
        second.ending.set()
        assert await heavy.run(ALICE, second.work) == "done"

    asyncio.run(play())


def test_one_request_at_a_time_and_sixteen_wait() -> None:
    async def play() -> None:
        heavy = HeavyWork()
        under_way = 0

        async def ask(user: UUID) -> None:
            nonlocal under_way
            async with heavy.one_request(user):
                under_way += 1
                assert under_way == 1
                await asyncio.sleep(0)
                under_way -= 1

        async with AsyncExitStack() as held:
            await held.enter_async_context(heavy.one_request(ALICE))
            waiting = [asyncio.ensure_future(ask(ALICE)) for _ in range(15)]
            await asyncio.sleep(0)
            with pytest.raises(TooManyAtOnce) as refused:
                await ask(ALICE)
            assert (refused.value.status, refused.value.headers) == (429, ((b"retry-after", b"1"),))
            await ask(GRACE)
            waiting.pop().cancel()
            await asyncio.sleep(0)
            waiting.append(asyncio.ensure_future(ask(ALICE)))
        await asyncio.gather(*waiting)
        await ask(ALICE)

    asyncio.run(play())


def test_two_files_of_a_user_are_taken_at_once_and_the_others_wait() -> None:
    async def play() -> None:
        heavy, most, under_way = HeavyWork(), 0, 0

        async def upload() -> None:
            nonlocal most, under_way
            async with heavy.one_upload(ALICE):
                under_way += 1
                most = max(most, under_way)
                await asyncio.sleep(0)
                under_way -= 1

        await asyncio.gather(*(upload() for _ in range(10)))
        assert most == 2
        async with heavy.one_upload(ALICE), heavy.one_upload(ALICE), heavy.one_upload(GRACE):
            pass  # another's do not wait

    asyncio.run(play())


def test_nothing_is_kept_of_a_user_whose_work_is_done() -> None:
    async def play() -> int:
        heavy = HeavyWork()
        for number in range(100):
            assert await heavy.run(UUID(int=number), str, number) == str(number)
            async with heavy.one_request(UUID(int=number)):
                pass
        await asyncio.sleep(0)
        gc.collect()
        return len(heavy._places)

    assert asyncio.run(play()) <= 1
