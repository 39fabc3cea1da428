"""How much at once, at the guard's own seam (api-capacity)."""

import asyncio
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from chatbot.config.limits import LimitsSettings
from chatbot.gateway.access.capacity import CapacityGuard, Overloaded
from chatbot.gateway.serving.timed import TimedProtocol, with_limits


def test_what_is_too_much_is_refused_before_anything_is_done_for_it() -> None:
    async def action() -> None:
        going, reached = asyncio.Event(), []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            reached.append(scope["path"])
            await going.wait()

        guard = CapacityGuard(app, most=2)

        def ask(path: str = "/", **more: Any) -> "asyncio.Task[None]":
            return asyncio.ensure_future(guard({"type": "http", "path": path, **more}, None, None))

        under_way = [ask(), ask()]
        await asyncio.sleep(0)
        third = ask("/third")
        await asyncio.wait({third}, timeout=2)
        assert third.done(), "a third one was let in"
        refused = third.exception()
        assert isinstance(refused, Overloaded)
        assert refused.status == 503 and (b"retry-after", b"1") in refused.headers
        with pytest.raises(Overloaded):  # at the services' port it is a path like any other
            await ask("/healthz", peer_chain=b"x")
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


class Wire(asyncio.Transport):
    """A connection whose far end takes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.aborted = asyncio.Event()

    def write(self, data: Any) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def close(self) -> None: ...

    def is_closing(self) -> bool:
        return self.aborted.is_set()

    def abort(self) -> None:
        self.aborted.set()


def test_a_reader_who_takes_nothing_gains_no_time_by_asking_again() -> None:
    async def action() -> None:
        finished = asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await finished.wait()

        settings = LimitsSettings(reader_seconds=1)
        config = Config(app, log_config=None, lifespan="off")
        config.load()
        protocol = with_limits(TimedProtocol, settings)(config, ServerState(), {})
        wire = Wire()
        protocol.connection_made(wire)
        protocol.data_received(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        protocol.pause_writing()
        protocol.data_received(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        waiting = asyncio.ensure_future(wire.aborted.wait())
        await asyncio.wait({waiting}, timeout=5)
        waiting.cancel()
        aborted = wire.aborted.is_set()
        protocol.connection_lost(None)
        finished.set()
        assert aborted, "it is waited for without end"

    asyncio.run(action())
