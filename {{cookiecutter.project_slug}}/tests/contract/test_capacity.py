"""How much at once, at the guard's own seam (api-capacity)."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from chatbot.config.limits import LimitsSettings
from chatbot.core.principal import Principal, Role
from chatbot.gateway.access.capacity import CapacityGuard, ClientCapacity, Overloaded, TooManyRequests, end_turn
from chatbot.gateway.serving.timed import TimedProtocol, with_limits
from chatbot.identity.admission import Admission, Carrier


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


def admitted(user: UUID) -> dict[str, Any]:
    who = Principal(UUID(int=1), user, Role.MEMBER, "x")
    return {"admission": Admission(who, Carrier.SESSION, "s", None, 0), "client_address": "192.0.2.1"}


ONE, OTHER = UUID(int=2), UUID(int=3)
CLIENTS = {
    "a person": (admitted(ONE), 3),
    "an address": ({"client_address": "192.0.2.1"}, 2),
    "a network of IPv6": ({"client_address": "2001:db8::1"}, 2),
}
OTHERS = {
    "a person": admitted(OTHER),
    "an address": {"client_address": "192.0.2.2"},
    "a network of IPv6": {"client_address": "2001:db8:0:1::1"},
}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("ending", ["done", "failed", "left"])
def test_one_client_never_takes_every_place(client: str, ending: str) -> None:
    async def action() -> None:
        going = asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await going.wait()
            if ending == "failed":
                raise ValueError

        guard = ClientCapacity(app, per_person=3, per_address=2)
        more, most = CLIENTS[client]

        def ask(path: str = "/", **scope: Any) -> "asyncio.Task[None]":
            return asyncio.ensure_future(guard({"type": "http", "path": path, "method": "POST", **scope}, None, None))

        under_way = [ask(**more) for _ in range(most)]
        await asyncio.sleep(0)
        refused = ask(**more)
        await asyncio.wait({refused}, timeout=2)
        assert refused.done(), "one more was let in"
        assert isinstance(refused.exception(), TooManyRequests)
        assert refused.exception().status == 429 and (b"retry-after", b"1") in refused.exception().headers
        others = [ask(**OTHERS[client]), ask("/healthz", **more)]
        await asyncio.sleep(0)
        assert not any(task.done() for task in others)
        if ending == "left":
            under_way[0].cancel()
        going.set()
        await asyncio.gather(*under_way, *others, return_exceptions=True)
        assert not guard._open, "a client that is done is forgotten"
        await asyncio.gather(ask(**more), return_exceptions=True)

    asyncio.run(action())


def test_of_one_person_s_reads_a_few_are_worked_on_at_a_time() -> None:
    async def action() -> None:
        going, reached = asyncio.Event(), []
        one, visitor = admitted(ONE), {"client_address": "192.0.2.1"}

        async def app(scope: Any, receive: Any, send: Any) -> None:
            reached.append((scope["method"] in ("GET", "HEAD"), scope.get("admission")))
            await going.wait()

        guard = ClientCapacity(app, per_person=20, per_address=20)

        def ask(who: dict[str, Any], method: str = "GET") -> "asyncio.Task[None]":
            return asyncio.ensure_future(guard({"type": "http", "path": "/", "method": method, **who}, None, None))

        mine = (True, one["admission"])
        reads = [ask(one, ("GET", "HEAD")[number % 2]) for number in range(11)]
        await asyncio.sleep(0)
        assert len(reached) == 2
        others = [ask(admitted(OTHER)), *(ask(one, method) for method in ("POST", "PUT", "PATCH", "DELETE"))]
        others += [ask(visitor) for _ in range(8)]
        await asyncio.sleep(0)
        assert len(reached) == 2 + len(others)
        for left in (reads[0], reads[10]):  # one that is worked on, and one that waits
            left.cancel()
        await asyncio.wait(reads[::10], timeout=2)
        await asyncio.sleep(0)
        assert reached.count(mine) == 3
        going.set()
        await asyncio.gather(*reads, *others, return_exceptions=True)
        assert reached.count(mine) == 10
        assert not guard._open and not guard._reads, "a client that is done is forgotten"

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


def test_an_answer_that_is_fetched_slowly_takes_nobody_s_turn() -> None:
    async def action() -> None:
        going, started, reached, sent = asyncio.Event(), asyncio.Event(), [], []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            reached.append(scope["path"])
            await started.wait()
            await send({"type": "http.response.start"})
            await going.wait()
            await send({"type": "http.response.body"})

        async def send(message: Any) -> None:
            sent.append(message["type"])

        guard = ClientCapacity(app, per_person=20, per_address=20)
        scope = {"type": "http", "method": "GET", **admitted(ONE)}
        exports = [asyncio.ensure_future(guard(scope | {"path": f"/{n}"}, None, send)) for n in range(4)]
        await asyncio.sleep(0)
        assert reached == ["/0", "/1"]
        started.set()
        while len(sent) < 4:
            await asyncio.sleep(0)
        assert reached == ["/0", "/1", "/2", "/3"]
        going.set()
        await asyncio.gather(*exports)
        assert sent == ["http.response.start"] * 4 + ["http.response.body"] * 4

    asyncio.run(action())


def test_a_read_that_waits_for_a_bound_of_its_own_takes_nobody_s_turn() -> None:
    """Two conversations that wait until a download is over would keep their reader out of everything else."""

    async def action() -> None:
        going, reached = asyncio.Event(), []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            reached.append(scope["path"])
            if scope["path"].startswith("/heavy"):
                await end_turn(scope)
                await end_turn(scope)  # once more changes nothing
            await going.wait()

        guard = ClientCapacity(app, per_person=20, per_address=20)
        scope = {"type": "http", "method": "GET", **admitted(ONE)}
        paths = ["/heavy/1", "/heavy/2", "/a", "/b", "/c"]
        reads = [asyncio.ensure_future(guard(scope | {"path": path}, None, None)) for path in paths]
        for _ in range(5):
            await asyncio.sleep(0)
        assert reached == paths[:4]
        going.set()
        await asyncio.gather(*reads)
        assert reached == paths and not guard._open

    asyncio.run(action())
