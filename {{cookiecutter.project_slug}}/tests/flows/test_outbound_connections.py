"""When a connection to a service is used again, and when never."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import pairwise
from typing import cast

import pytest

from chatbot.outbound import http
from chatbot.outbound.connection import UpstreamFailed
from chatbot.outbound.http import Limits, Service

SIZED = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirst"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n0\r\n\r\n"
CLOSING = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nfirst"


async def read(service: Service) -> bytes:
    response = await service.post("/ask", b"{}", {})
    return b"".join([piece async for piece in response.pieces()])


def count_connections(answer: bytes, ask: Callable[[Service], Awaitable[None]]) -> int:
    """Return over how many connections `ask` called a service that answers everything with `answer`."""
    seen: list[asyncio.BaseTransport] = []

    class Served(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast(asyncio.Transport, transport)
            seen.append(transport)

        def data_received(self, data: bytes) -> None:
            if data.endswith(b"{}"):
                self.transport.write(answer)

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(Served, "127.0.0.1", 0)
        service = Service(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", Limits(5, 5, 5))
        try:
            await ask(service)
        finally:
            await service.close()
            for transport in seen:
                transport.close()
            server.close()
            await server.wait_closed()

    asyncio.run(run())
    return len(seen)


@pytest.mark.parametrize("answer", [SIZED, CHUNKED], ids=["sized", "chunked"])
def test_calls_one_after_the_other_share_a_connection(answer: bytes) -> None:
    async def ask(service: Service) -> None:
        assert [await read(service) for _ in range(3)] == [b"first"] * 3

    assert count_connections(answer, ask) == 1


def test_calls_at_the_same_time_share_none() -> None:
    async def ask(service: Service) -> None:
        assert await asyncio.gather(read(service), read(service)) == [b"first"] * 2

    assert count_connections(SIZED, ask) == 2


def test_a_connection_that_the_service_closes_is_not_used_again() -> None:
    async def ask(service: Service) -> None:
        assert [await read(service) for _ in range(2)] == [b"first"] * 2

    assert count_connections(CLOSING, ask) == 2


@pytest.mark.parametrize(
    "more", [b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged", b"forged"], ids=["answer", "junk"]
)
def test_what_comes_after_an_answer_is_never_the_answer_to_another_call(more: bytes) -> None:
    async def ask(service: Service) -> None:
        for _ in range(3):
            # closed: of an answer that goes on after its end nothing need be believed
            with suppress(UpstreamFailed):
                assert await read(service) == b"first"

    assert count_connections(SIZED + more, ask) == 3


def test_a_connection_that_a_reader_left_is_not_used_again() -> None:
    async def ask(service: Service) -> None:
        response = await service.post("/ask", b"{}", {})
        pieces = response.pieces()
        assert await anext(pieces) == b"first"
        await pieces.aclose()  # type: ignore[attr-defined]
        assert await read(service) == b"first"

    assert count_connections(SIZED, ask) == 2


def test_a_connection_that_waited_long_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_MOST_IDLE_SECONDS", 0)

    async def ask(service: Service) -> None:
        assert [await read(service) for _ in range(2)] == [b"first"] * 2

    assert count_connections(SIZED, ask) == 2


def test_of_what_came_at_once_a_little_is_worked_on_at_a_time_and_others_come_between() -> None:
    size, steps = 60_000, []

    async def take(service: Service, name: str) -> None:
        response = await service.post("/ask", b"{}", {})
        async for piece in response.pieces():
            assert len(piece) <= 4096
            steps.append(name)

    async def ask(service: Service) -> None:
        await asyncio.gather(take(service, "one"), take(service, "other"))
        assert len(steps) >= 2 * size // 4096
        turns = sum(before != after for before, after in pairwise(steps))
        assert turns >= len(steps) // 2, "one was worked on to its end while the other waited"

    answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size + b"x" * size
    assert count_connections(answer, ask) == 2


def test_between_two_steps_of_any_number_of_answers_everybody_else_comes() -> None:
    steps = [0]

    async def take(service: Service) -> None:
        async for _ in (await service.post("/ask", b"{}", {})).pieces():
            steps[0] += 1

    async def ask(service: Service) -> None:
        taking = asyncio.gather(*(take(service) for _ in range(8)))
        turns = 0  # of the loop in which there was a step
        while not taking.done():
            before = steps[0]
            await asyncio.sleep(0)
            turns += steps[0] > before
        await taking
        # each answer's first step comes when it arrives; of the others one in a turn of the loop
        assert steps[0] > 8 * 12 and turns > steps[0] // 2

    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n" + b"x" * 60_000
    assert count_connections(answer, ask) == 8
