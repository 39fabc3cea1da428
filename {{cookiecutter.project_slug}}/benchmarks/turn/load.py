"""The load: lanes of requests one after the other, each timed to its first token and to its end."""

import asyncio
import time
from dataclasses import dataclass, field


@dataclass
class Request:
    """A request as bytes, and what marks its first token and its end."""

    port: int
    head: bytes
    body: bytes
    token: bytes
    end: bytes


@dataclass
class Timings:
    """Seconds."""

    first: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    pause: list[float] = field(default_factory=list)  # the longest between two pieces of an answer
    elapsed: float = 0.0


class _Lane(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def ask(self, request: Request) -> "asyncio.Future[tuple[float, float]]":
        self.request, self.buffer, self.first, self.pause = request, b"", 0.0, 0.0
        self.done = asyncio.get_running_loop().create_future()
        self.begun = time.perf_counter()
        self.transport.write(request.head + b"content-length: %d\r\n\r\n" % len(request.body) + request.body)
        return self.done

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        now = time.perf_counter()
        if self.first:
            self.pause = max(self.pause, now - self.latest)
        elif self.request.token in self.buffer:
            self.first = now - self.begun
        self.latest = now
        if self.buffer.endswith(b"0\r\n\r\n") and not self.done.done():
            if self.request.end not in self.buffer:
                self.done.set_exception(RuntimeError(self.buffer[:400].decode()))
            else:
                self.done.set_result((self.first, time.perf_counter() - self.begun))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionError(self.buffer[:400].decode()))


async def run_load(requests: list[Request], count: int) -> Timings:
    """Send `count` requests over one lane per entry of `requests`."""
    timings = Timings()
    left = iter(range(count))

    async def lane(request: Request) -> None:
        _, protocol = await asyncio.get_running_loop().create_connection(_Lane, "127.0.0.1", request.port)
        for _ in left:
            first, whole = await protocol.ask(request)
            timings.first.append(first)
            timings.whole.append(whole)
            timings.pause.append(protocol.pause)
        protocol.transport.close()

    begun = time.perf_counter()
    await asyncio.gather(*(lane(request) for request in requests))
    timings.elapsed = time.perf_counter() - begun
    return timings
