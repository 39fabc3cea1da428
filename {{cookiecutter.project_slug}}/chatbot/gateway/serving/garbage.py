"""When the process looks for garbage (part of control api-capacity).

Stops: one user's longest answer as everybody's pause. While a thread builds it, hundreds of thousands of objects are
alive, and CPython looks through all of them again whenever there are a quarter more: each time 100 ms or more, in which
no request of anybody's goes on. So only young objects are looked at by themselves, which takes a few milliseconds; all
of them are when no such work is under way, when little is alive. Who lets such work never end puts it off for ten
minutes at most.
"""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from chatbot.limits.heavy import HeavyWork

_PAUSE_SECONDS = 30.0
_MAX_PUT_OFF = 20  # times in a row
_YOUNG, _MIDDLE = 2000, 10  # objects made, and collections of the young, before the next
_NEVER = 2**31 - 1


@asynccontextmanager
async def short_pauses(heavy: HeavyWork) -> AsyncIterator[None]:
    """Keep collections short as long as this goes on."""
    before = gc.get_threshold()
    gc.set_threshold(_YOUNG, _MIDDLE, _NEVER)
    gc.freeze()  # modules and settings live as long as the process: no collection looks at them again
    collecting = asyncio.ensure_future(collect_when_idle(heavy))
    try:
        yield
    finally:
        collecting.cancel()
        gc.set_threshold(*before)


async def collect_when_idle(heavy: HeavyWork, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
    """Collect garbage of every age again and again, when no heavy work is under way or it was put off too often."""
    put_off = 0
    while True:
        await sleep(_PAUSE_SECONDS)
        if heavy.is_idle or put_off >= _MAX_PUT_OFF:
            put_off = 0
            gc.collect()
        else:
            put_off += 1
