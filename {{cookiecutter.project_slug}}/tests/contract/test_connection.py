"""One connection of the server, without a network: every state of it meets everything that a client may send (api-capacity)."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from chatbot.config.limits import LimitsSettings
from chatbot.gateway.middleware.headers import HEADERS
from chatbot.gateway.serving.timed import TimedProtocol, with_limits

HEAD = b"POST / HTTP/1.1\r\nhost: x\r\n"
LENGTH = b"content-length: 100000\r\n\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n\r\n"
MAX_READ = 256 * 1024  # what uvloop hands over at once


class Wire(asyncio.Transport):
    """The server's end of a connection, and what was written to it."""

    def __init__(self, address: str = "192.0.2.1", halves: bool = True) -> None:
        super().__init__({"peername": (address, 4711)})
        self.protocol: TimedProtocol | None = None
        self.written = b""
        self.has_ended = self.is_closed = self.is_aborted = self.is_paused = False
        self.halves = halves

    def write(self, data: Any) -> None:
        self.written += data

    def can_write_eof(self) -> bool:
        return self.halves

    def write_eof(self) -> None:
        self.has_ended = True

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = self.is_aborted = True

    def is_closing(self) -> bool:
        return self.is_closed

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def is_reading(self) -> bool:
        return not self.is_paused


class Served:
    """A protocol, its wire, and an application that waits to be told what to do."""

    def __init__(self, wire: Wire, **settings: Any) -> None:
        self.wire = wire
        self.scopes: list[Any] = []
        self.proceed = asyncio.Event()
        self.answers_early = self.reads = False
        config = Config(self._application, log_config=None, lifespan="off", interface="asgi3", proxy_headers=False)
        config.load()
        proxies = [ip_network("198.51.100.0/24")]
        kind = with_limits(TimedProtocol, LimitsSettings(**settings), proxies=proxies, https=True)
        self.state = ServerState()
        self.open = lambda: kind(config, self.state, {})
        self.protocol = self.open()
        self.protocol.connection_made(wire)

    async def _application(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        start = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
        if self.answers_early:
            await send(start)
        else:
            while self.reads and (await receive()).get("more_body"):
                pass
        if not scope["path"].startswith("/at-once"):
            await self.proceed.wait()
        if not self.answers_early:
            await send(start)
        await send({"type": "http.response.body", "body": b"ok"})

    async def hear(self, data: bytes) -> None:
        """Hand over what arrived, as long as the connection is open, and let the application go on."""
        for begin in range(0, len(data), MAX_READ):
            if self.wire.is_closed:
                return
            self.protocol.data_received(data[begin : begin + MAX_READ])
            await self.go_on()

    async def go_on(self) -> None:
        """Let the application do what it can."""
        for _ in range(8):
            await asyncio.sleep(0)

    def held(self) -> int:
        """Return the bytes that the connection holds of what was sent."""
        cycle = self.protocol.cycle
        headers = sum(len(name) + len(value) for name, value in self.protocol.headers) if self.scopes else 0
        return headers + (len(cycle.body) if cycle else 0) + 1000 * len(self.protocol.pipeline)


@asynccontextmanager
async def served(address: str = "192.0.2.1", **settings: Any) -> AsyncIterator[Served]:
    found = Served(Wire(address), **settings)
    try:
        yield found
    finally:
        if found.protocol in found.state.connections:
            found.protocol.connection_lost(None)
        found.proceed.set()
        await found.go_on()


async def nothing(_: Served) -> None: ...


async def in_head(found: Served) -> None:
    await found.hear(HEAD)


async def in_body(found: Served) -> None:
    found.reads = True
    await found.hear(HEAD + LENGTH + b"x" * 10)


async def in_chunks(found: Served) -> None:
    found.reads = True
    await found.hear(HEAD + CHUNKED + b"1\r\nx\r\n")


async def in_an_unread_body(found: Served) -> None:
    await found.hear(HEAD + CHUNKED + b"1\r\nx\r\n")


async def after_the_last_chunk(found: Served) -> None:
    await found.hear(HEAD + CHUNKED + b"0\r\n")


async def waiting(found: Served) -> None:
    await found.hear(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")


async def being_answered(found: Served) -> None:
    found.answers_early = True
    await waiting(found)
    assert found.wire.written.startswith(b"HTTP/1.1 200")


async def answered(found: Served) -> None:
    await found.hear(b"GET /at-once HTTP/1.1\r\nhost: x\r\n\r\n")
    assert found.wire.written.endswith(b"ok")


async def answered_with_a_large_body(found: Served) -> None:
    found.reads = True
    await found.hear(b"POST /at-once HTTP/1.1\r\nhost: x\r\ncontent-length: 2000000\r\n\r\n" + b"x" * 2_000_000)
    assert found.wire.written.endswith(b"ok")


async def answered_in_its_body(found: Served) -> None:
    await found.hear(b"POST /at-once HTTP/1.1\r\nhost: x\r\n" + CHUNKED + b"1\r\nx\r\n")
    assert found.wire.written.endswith(b"ok")


async def refused(found: Served) -> None:
    await found.hear(b"\x00\r\n\r\n")
    assert found.wire.written.startswith(b"HTTP/1.1 400")


STATES: dict[str, Callable[[Served], Any]] = {
    "new": nothing, "in a head": in_head, "in a body": in_body, "in chunks": in_chunks, "in an unread body": in_an_unread_body,
    "after the last chunk": after_the_last_chunk, "waiting": waiting, "being answered": being_answered, "answered": answered, "answered with a large body": answered_with_a_large_body,
    "answered in its body": answered_in_its_body, "refused": refused,
}  # fmt: skip
GET = b"GET / HTTP/1.1\r\nhost: x\r\n"
ENDLESS: dict[str, bytes | tuple[bytes, bytes]] = {
    "requests": GET + b"\r\n",
    "requests with bodies": HEAD + b"content-length: 1\r\n\r\nx",
    "a target": (b"GET /", b"a" * 999),
    "header fields": (GET, b"a:b\r\n"),
    "one header's name": (GET, b"a" * 999),
    "one header's value": (GET + b"a: ", b"b" * 999),
    "empty lines": b"\r\n",
    "a method": b"G" * 999,
    "zeros": b"\x00" * 999,
    "one-byte chunks": b"1\r\nx\r\n",
    "a chunk's extension": (b"1;", b"a" * 999),
    "chunks with extensions": b"1;aaaaaaaaaaaaaaa\r\nx\r\n",
    "a chunk's size": b"0" * 999,
    "trailers": (b"0\r\n", b"a:b\r\n"),
    "a trailer": (b"0\r\na:", b"b" * 999),
    "a head behind a request": (GET + b"\r\n" + GET, b"a:b\r\n"),
    "trailers behind a request": (HEAD + CHUNKED + b"0\r\n", b"a:b\r\n"),
}


def pieces(kind: str) -> Iterator[bytes]:
    """Yield four megabytes of it, as they arrive."""
    what = ENDLESS[kind]
    begin, more = what if isinstance(what, tuple) else (b"", what)
    block = more * (MAX_READ // len(more))
    yield begin + block
    for _ in range(15):
        yield block


@pytest.mark.parametrize("kind", ENDLESS)
@pytest.mark.parametrize("state", STATES)
def test_nothing_without_end_is_taken_in_any_state(state: str, kind: str) -> None:
    async def action() -> None:
        async with served() as found:
            await STATES[state](found)
            before, sent = len(found.scopes), 0
            for piece in pieces(kind):
                if found.wire.is_closed:
                    break
                sent += len(piece)
                await found.hear(piece)
                assert found.held() <= MAX_READ + 2 * 64 * 1024
            assert found.wire.is_closed, "it is taken for ever"
            assert len(found.scopes) <= before + 1, "one connection has many requests under way"
            assert sent <= 4 * MAX_READ

    asyncio.run(action())


@pytest.mark.parametrize(
    "second", [b"GET /second HTTP/1.1\r\nhost: x\r\n\r\n", GET + b"a: b\r\n" * 20_000], ids=["one", "a large one"]
)
@pytest.mark.parametrize("where", ["with the request", "after it"])
@pytest.mark.parametrize("early", [False, True])
def test_a_request_before_the_answer_is_not_read_and_the_answer_arrives_whole(
    where: str, early: bool, second: bytes
) -> None:
    async def action() -> None:
        async with served() as found:
            found.answers_early = early
            both = [GET + b"\r\n", second]
            for data in [b"".join(both)] if where == "with the request" else both:
                await found.hear(data)
            found.proceed.set()
            await found.go_on()
            assert [scope["path"] for scope in found.scopes] == ["/"]
            assert found.wire.written.count(b"HTTP/1.1") == 1
            assert found.wire.written.endswith(b"\r\n\r\nok")
            assert found.wire.has_ended or found.wire.is_closed

    asyncio.run(action())


@pytest.mark.parametrize("split", range(6))
def test_a_trailer_is_no_header(split: int) -> None:
    """CVE-2025-32094 and its kin: what was judged as the head grew after it had been judged."""

    async def action() -> None:
        async with served() as found:
            parts = [
                HEAD,
                CHUNKED,
                b"1\r\nx\r\n",
                b"0\r\n",
                b"authorization: Bearer x\r\nx-forwarded-for: 1.2.3.4\r\n",
                b"\r\n",
            ]
            for data in [b"".join(parts[: split + 1]), *parts[split + 1 :]]:
                await found.hear(data)
            assert dict(found.scopes[0]["headers"]).keys() == {b"host", b"transfer-encoding"}
            found.proceed.set()
            await found.go_on()
            assert found.wire.written.endswith(b"ok")

    asyncio.run(action())


def test_a_body_sent_line_by_line_is_taken() -> None:
    async def action() -> None:
        async with served() as found:
            found.reads = True
            await found.hear(HEAD + CHUNKED)
            for _ in range(200):
                await found.hear((b"50\r\n" + b"a" * 0x50 + b"\r\n") * 100)
            await found.hear(b"0\r\n\r\n")
            found.proceed.set()
            await found.go_on()
            assert found.wire.written.endswith(b"ok")

    asyncio.run(action())


def test_a_connection_is_kept_for_any_number_of_requests() -> None:
    async def action() -> None:
        async with served() as found:
            for _ in range(40):
                await found.hear(b"GET /at-once HTTP/1.1\r\nhost: x\r\na: " + b"b" * 5000 + b"\r\n\r\n")
            assert len(found.scopes) == 40

    asyncio.run(action())


@pytest.mark.parametrize("size", [1000, 64_000, 70_000, 200_000])
def test_a_head_has_a_size_however_it_arrives(size: int) -> None:
    async def action(step: int) -> bytes:
        async with served() as found:
            found.proceed.set()
            data = GET + b"".join(b"a%05d: b\r\n" % number for number in range(size // 11)) + b"\r\n"
            for begin in range(0, len(data), step):
                await found.hear(data[begin : begin + step])
            return found.wire.written[9:12]

    for step in (999, 60_000, MAX_READ):
        assert asyncio.run(action(step)) == (b"200" if size <= 64_000 else b"431")


@pytest.mark.parametrize("data", [b"\x00\r\n\r\n", GET + b"a" * 70_000, b"GET / HTTP/9.9\r\n\r\n", b"G\r\n\r\n"])
def test_the_server_s_own_refusals_carry_the_header_policy(data: bytes) -> None:
    async def action() -> None:
        async with served() as found:
            await found.hear(data)
            head = found.wire.written.split(b"\r\n\r\n")[0].decode()
            told = dict(re.findall(r"^([a-z-]+): (.*?)\r?$", head, re.MULTILINE))
            assert told.items() >= HEADERS.items()
            assert told["cache-control"] == "no-store" and told["connection"] == "close"
            assert "strict-transport-security" in told
            assert found.wire.has_ended and not found.wire.is_closed, "the client reads it, then it ends"
            await found.hear(b"x" * 70_000)
            assert found.wire.is_aborted, "what is still sent has an end, too"

    asyncio.run(action())


def test_a_refusal_in_the_middle_of_an_answer_is_no_second_status() -> None:
    async def action() -> None:
        async with served() as found:
            found.answers_early = True
            await found.hear(HEAD + CHUNKED + b"1\r\nx\r\n")
            await found.hear(b"not a chunk\r\n")
            assert found.wire.written.count(b"HTTP/1.1") == 1
            assert found.wire.is_aborted

    asyncio.run(action())


@pytest.mark.parametrize("halves", [True, False])
def test_an_answer_that_ends_the_connection_is_read_before_it_is_reset(halves: bool) -> None:
    async def action() -> None:
        async with served() as found:
            found.wire.halves = halves
            await found.hear(HEAD + b"connection: close\r\n" + LENGTH.replace(b"100000", b"200000") + b"x" * 100_001)
            assert found.wire.is_paused, "nobody reads it"
            found.proceed.set()
            await found.go_on()
            assert found.wire.written.endswith(b"ok")
            assert not found.wire.is_paused or not halves, "what is still sent is never read"
            assert found.wire.has_ended == halves and found.wire.is_closed != halves
            await found.hear(b"x" * 99_999)
            assert found.wire.is_closed, "all has come"
            assert not found.wire.is_aborted

    asyncio.run(action())


@pytest.mark.parametrize("many", [b"1\r\nx\r\n", b"a:b\r\n"])
def test_a_body_that_is_mostly_none_is_no_head(many: bytes) -> None:
    async def action() -> None:
        async with served() as found:
            found.reads = True
            await found.hear(HEAD + CHUNKED + (b"0\r\n" if many == b"a:b\r\n" else b"") + many * 40_000)
            assert found.wire.written.startswith(b"HTTP/1.1 400")

    asyncio.run(action())


def test_after_a_body_that_was_refused_unread_a_head_has_its_time() -> None:
    async def action() -> None:
        async with served(head_seconds=0.01) as found:
            await answered_in_its_body(found)
            await found.hear(b"0\r\n\r\n")
            while b"HTTP/1.1 408" not in found.wire.written:
                await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(action(), 5))


def test_a_connection_that_is_lost_is_not_ended_again() -> None:
    async def action() -> None:
        async with served(head_seconds=0.01) as found:
            await found.hear(b"\x00\r\n\r\n")
            found.wire.is_closed = True
            found.protocol.connection_lost(None)
            later = asyncio.Event()
            asyncio.get_running_loop().call_later(0.02, later.set)
            await later.wait()
            assert not found.wire.is_aborted

    asyncio.run(action())


def test_who_reads_nothing_after_the_end_is_let_go() -> None:
    async def action() -> None:
        async with served(head_seconds=0.01) as found:
            await found.hear(b"\x00\r\n\r\n")
            while not found.wire.is_aborted:
                await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(action(), 5))


@pytest.mark.parametrize(
    ("address", "other", "statuses"),
    [
        ("192.0.2.1", "192.0.2.1", b"503"),
        ("192.0.2.1", "192.0.2.2", b""),
        ("2001:db8::1", "2001:db8::2", b"503"),
        ("2001:db8::1", "2001:db8:0:1::1", b""),
        ("::ffff:192.0.2.1", "192.0.2.1", b"503"),
        ("198.51.100.7", "198.51.100.7", b""),
    ],
)
def test_one_address_has_so_many_connections_but_a_listed_proxy(address: str, other: str, statuses: bytes) -> None:
    async def action() -> None:
        async with served(address, max_connections_per_address=2) as found:
            second, third = Wire(address), Wire(other)
            opened = [found.open(), found.open()]
            opened[0].connection_made(second)
            assert second.written == b""
            opened[1].connection_made(third)
            assert third.written[9:12] == statuses
            opened[1].connection_lost(None)
            opened[0].connection_lost(None)
            again = Wire(other)
            last = found.open()
            last.connection_made(again)
            assert again.written == b"", "who has gone is not counted"
            last.connection_lost(None)
        assert not found.protocol.open_by_client, "addresses are forgotten"

    asyncio.run(action())


@pytest.mark.parametrize(
    ("target", "hosts", "seen"),
    [
        (b"/", [b"x"], [b"x"]),
        (b"http://evil.example/", [b"x"], [b"x", b"evil.example"]),
        (b"https://x:8/a", [b"x"], [b"x", b"x:8"]),
        (b"http://x/", [b"evil.example"], [b"evil.example", b"x"]),
        (b"http://x/", [b"x"], [b"x"]),
        (b"http://x/", [b"x", b"y"], [b"x", b"y"]),
        (b"*", [b"x"], [b"x"]),
        (b"/?next=http://evil.example/", [b"x"], [b"x"]),
    ],
)
def test_the_host_of_an_absolute_target_counts_too(target: bytes, hosts: list[bytes], seen: list[bytes]) -> None:
    async def action() -> None:
        async with served() as found:
            method = b"OPTIONS" if target == b"*" else b"GET"
            lines = b"".join(b"host: %b\r\n" % host for host in hosts)
            await found.hear(method + b" " + target + b" HTTP/1.1\r\n" + lines + b"\r\n")
            if found.scopes:
                assert [value for name, value in found.scopes[0]["headers"] if name == b"host"] == seen

    asyncio.run(action())
