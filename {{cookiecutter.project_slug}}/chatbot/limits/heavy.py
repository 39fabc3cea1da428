"""Work that grows with what people, models and documents say: off the event loop, one piece at a time for a user.

Stops: one user's longest answer, search or export as everybody's wait. A piece runs in a thread, so that the loop waits
for the interpreter at most `SWITCH_SECONDS` at a time; the next piece of the same user waits until it is over, so that
one user has one thread, however many answers are under way. Requests that read much take a place of their own first.
Fails closed: whoever has too many of those waiting is refused with 429.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import ParamSpec, TypeVar
from uuid import UUID
from weakref import WeakValueDictionary

from chatbot.core.errors import Problem
from chatbot.monitoring.refusals import note_refusal

# how long a thread keeps the interpreter while the loop wants it; CPython's own 5 ms add up over a request's many reads
SWITCH_SECONDS = 0.0001
_THREADS = 16
_MAX_UPLOADS = 2  # bodies of one user in memory at once: a file of 8 MB is there several times while it is kept
_MAX_WAITING = 16  # of one user's searches, exports and conversations, the one under way among them: tabs that open

Given = ParamSpec("Given")
Found = TypeVar("Found")


class TooManyAtOnce(Problem):
    """The user's own earlier requests of this kind are not done yet."""

    status = 429
    title = "Too many at once"
    headers = ((b"retry-after", b"1"),)


class _Place:
    """One user's share of the process."""

    def __init__(self) -> None:
        self.piece = asyncio.Lock()
        self.request = asyncio.Lock()
        self.upload = asyncio.Semaphore(_MAX_UPLOADS)
        self.waiting = 0


class HeavyWork:
    """Runs pieces of heavy work for users."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, "heavy")
        self._places: WeakValueDictionary[UUID, _Place] = WeakValueDictionary()
        self._pieces = 0  # under way

    @property
    def is_idle(self) -> bool:
        """Whether no piece is under way."""
        return not self._pieces

    async def run(self, user: UUID, work: Callable[Given, Found], *args: Given.args, **kwargs: Given.kwargs) -> Found:
        """Return what `work` returns, done in a thread when the user's earlier pieces are done.

        Cancelled, it returns at once; the thread works to its end, and the user's next piece waits for that.
        """
        place = self._place(user)
        await place.piece.acquire()
        try:
            doing = asyncio.get_running_loop().run_in_executor(self._threads, lambda: work(*args, **kwargs))
        except BaseException:
            place.piece.release()
            raise
        self._pieces += 1
        doing.add_done_callback(lambda _: self._end(place))
        return await asyncio.shield(doing)

    @asynccontextmanager
    async def one_request(self, user: UUID) -> AsyncIterator[None]:
        """Wait until no other request that reads much is under way for the user. Raises `TooManyAtOnce`."""
        place = self._place(user)
        if place.waiting >= _MAX_WAITING:
            note_refusal("api-capacity", "too many searches or exports of one user at once")
            raise TooManyAtOnce("Your earlier searches and exports are still under way. Try again when they are done.")
        place.waiting += 1
        try:
            async with place.request:
                yield
        finally:
            place.waiting -= 1

    @asynccontextmanager
    async def one_upload(self, user: UUID) -> AsyncIterator[None]:
        """Wait until few other files of the user's are being taken; what is not read yet waits at its sender's."""
        place = self._place(user)
        async with place.upload:
            yield

    def _end(self, place: _Place) -> None:
        self._pieces -= 1
        place.piece.release()

    def _place(self, user: UUID) -> _Place:
        place = self._places.get(user)
        if place is None:
            self._places[user] = place = _Place()
        return place
