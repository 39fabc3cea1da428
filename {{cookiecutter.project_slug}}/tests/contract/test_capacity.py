"""How much at once, at the guard's own seam (api-capacity)."""

import asyncio
from typing import Any

from chatbot.gateway.access.capacity import CapacityGuard, Overloaded


def test_what_is_too_much_is_refused_before_anything_is_done_for_it() -> None:
    async def action() -> None:
        going, reached = asyncio.Event(), []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            reached.append(scope["path"])
            await going.wait()

        guard = CapacityGuard(app, most=2)

        def ask(path: str = "/") -> "asyncio.Task[None]":
            return asyncio.ensure_future(guard({"type": "http", "path": path}, None, None))

        under_way = [ask(), ask()]
        await asyncio.sleep(0)
        third = ask("/third")
        await asyncio.wait({third}, timeout=2)
        assert third.done(), "a third one was let in"
        refused = third.exception()
        assert isinstance(refused, Overloaded)
        assert refused.status == 503 and (b"retry-after", b"1") in refused.headers
        health = ask("/healthz")
        going.set()
        await asyncio.gather(*under_way, health)
        assert reached == ["/", "/", "/healthz"]
        await ask("/again")
        under_way = [ask() for _ in range(2)]
        under_way[0].cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        await ask("/after a cancellation")

    asyncio.run(action())
