"""Slow and greedy clients on raw sockets, against limits of a second (api-capacity)."""

import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from development.stack import Stack
from tests.doubles.certified import certified, uri
from tests.doubles.person import Person
from tests.doubles.refusals import Refusals
from tests.doubles.upstream import ScriptedModel, begin_stream, send_piece
from tests.doubles.wire import head, read_to_end

PATIENCE = 10.0  # seconds until a test gives up


@contextmanager
def connection(stack: Stack, buffer: int = 0) -> Iterator[socket.socket]:
    with socket.socket() as client:
        if buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        client.settimeout(PATIENCE)
        client.connect(("127.0.0.1", stack.port))
        yield client


def drip(client: socket.socket, pieces: Iterator[bytes]) -> bytes:
    """Send a piece every tenth of a second, until the server has enough; return what it says."""
    stop = threading.Event()

    def send() -> None:
        for piece in pieces:
            try:
                client.sendall(piece)
            except OSError:
                return
            if stop.wait(0.1):  # the attacker's own pace
                return

    sending = threading.Thread(target=send)
    sending.start()
    try:
        return read_to_end(client)
    finally:
        stop.set()
        sending.join()


def endless(text: bytes) -> Iterator[bytes]:
    for _ in range(int(PATIENCE * 10)):
        yield text


@pytest.mark.parametrize(
    "begin",
    [b"", b"G", b"GET /healthz HTTP/1.1\r\n", b"\r\n"],
    ids=["nothing", "a letter", "a line", "an empty line"],
)
def test_a_head_that_does_not_come_is_not_waited_for(limited_stack: Stack, begin: bytes) -> None:
    with connection(limited_stack) as client:
        began = time.monotonic()
        client.sendall(begin)
        said = read_to_end(client)
    assert said.startswith((b"HTTP/1.1 408", b"HTTP/1.1 400")), said
    assert time.monotonic() - began < PATIENCE / 2


def test_a_head_that_drips_is_cut_off(limited_stack: Stack) -> None:
    with connection(limited_stack) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\n")
        assert drip(client, endless(b"x-y: z\r\n")).startswith(b"HTTP/1.1 408")


def test_the_next_head_on_a_kept_connection_has_its_time_too(limited_stack: Stack) -> None:
    with connection(limited_stack) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nhost: %b\r\n\r\n" % limited_stack.url[7:].encode())
        assert client.recv(65536).startswith(b"HTTP/1.1 200")
        said = drip(client, endless(b"\r\n"))
        assert b"HTTP/1.1 408 Request Timeout\r\n" in said, said
        assert said.endswith(b"connection: close\r\ncontent-length: 0\r\n\r\n"), said


def test_a_head_without_end_fills_no_memory(limited_stack: Stack) -> None:
    with connection(limited_stack) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\n")
        try:
            for number in range(4000):
                client.sendall(b"x-%d: %b\r\n" % (number, b"a" * 1000))
        except OSError:
            pass  # it has hung up
        said = read_to_end(client)
        assert not said or said.startswith(b"HTTP/1.1 431"), said[:200]  # it may hang up on what is still being sent
    with connection(limited_stack) as client:  # and lives on
        client.sendall(
            b"GET /healthz HTTP/1.1\r\nhost: %b\r\nconnection: close\r\n\r\n" % limited_stack.url[7:].encode()
        )
        assert read_to_end(client).startswith(b"HTTP/1.1 200")


def refused_unread(stack: Stack) -> bytes:
    """Return the head of a request that is answered before its body of 200,000 bytes is read."""
    return (
        f"POST /api/v1/conversations HTTP/1.1\r\nhost: {stack.url[7:]}\r\n"
        "content-type: application/json\r\ncontent-length: 200000\r\n\r\n"
    ).encode()


def test_a_large_body_that_was_refused_unread_is_not_taken_for_the_next_head(limited_stack: Stack) -> None:
    with connection(limited_stack) as client:
        client.sendall(refused_unread(limited_stack))
        assert client.recv(65536).startswith(b"HTTP/1.1 4")
        for _ in range(20):  # in pieces, as a network brings them
            client.sendall(b"x" * 10_000)
        client.sendall(
            b"GET /healthz HTTP/1.1\r\nhost: %b\r\nconnection: close\r\n\r\n" % limited_stack.url[7:].encode()
        )
        assert b"HTTP/1.1 200" in read_to_end(client)


def test_a_body_that_was_refused_unread_has_no_time_without_end(limited_stack: Stack) -> None:
    with connection(limited_stack) as client:
        client.sendall(refused_unread(limited_stack))
        began = time.monotonic()
        said = drip(client, endless(b"x"))
        assert said.startswith(b"HTTP/1.1 4") and said.count(b"HTTP/1.1") == 1, said
        assert time.monotonic() - began < PATIENCE / 2


@pytest.mark.parametrize("path", ["/api/v1/conversations", "/api/v1/documents?name=a.md", "turns", "/csp-report"])
def test_a_body_that_does_not_come_is_not_waited_for(newcomers: Callable[[int], list[Person]], path: str) -> None:
    (ann,) = newcomers(1)
    path = f"/api/v1/conversations/{ann.begin()}/turns" if path == "turns" else path
    with connection(ann.stack) as client:
        client.sendall(head(ann, path, "content-length: 40", "connection: close") + b'{"question"')
        began = time.monotonic()
        said = read_to_end(client)
    assert said.startswith(b"HTTP/1.1 408"), said[:200]
    assert time.monotonic() - began < PATIENCE / 2
    assert ann.get("/api/v1/usage").json()["budgets"][0]["tokens"]["used"] == 0


def talk_on(handler: BaseHTTPRequestHandler, gone: threading.Event, piece: str) -> None:
    begin_stream(handler)
    try:
        while not gone.is_set():
            send_piece(handler, piece)
    except OSError:
        gone.set()


def test_a_reader_who_takes_nothing_loses_the_connection_and_the_model_is_stopped(
    newcomers: Callable[[int], list[Person]], model: ScriptedModel, limited_stack: Stack
) -> None:
    (ann,) = newcomers(1)
    gone = threading.Event()
    model.reset()
    model.behave = lambda handler: talk_on(handler, gone, "word " * 8)
    body = b'{"model":"chatbot-without-documents","stream":true,"messages":[{"role":"user","content":"On."}]}'
    with connection(limited_stack, buffer=4096) as client:
        request = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: {limited_stack.url[7:]}\r\nauthorization: Bearer {ann.key}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        client.sendall(request.encode() + body)
        assert gone.wait(PATIENCE), "the model goes on for nobody"


@pytest.mark.parametrize("path", ["turn", "completion"])
def test_the_model_is_stopped_within_a_second_of_its_reader_s_leaving(
    newcomers: Callable[[int], list[Person]], model: ScriptedModel, path: str
) -> None:
    (ann,) = newcomers(1)
    gone = threading.Event()
    model.reset()
    model.behave = lambda handler: talk_slowly(handler, gone)
    question = b'{"question":"On.","search":false}'
    if path == "turn":
        request = head(ann, f"/api/v1/conversations/{ann.begin()}/turns", f"content-length: {len(question)}") + question
    else:
        body = b'{"model":"chatbot-without-documents","stream":true,"messages":[{"role":"user","content":"On."}]}'
        request = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: {ann.stack.url[7:]}\r\nauthorization: Bearer {ann.key}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        ).encode() + body
    with connection(ann.stack) as client:
        client.sendall(request)
        while b"word" not in (said := client.recv(65536)):
            assert said
    assert gone.wait(1.0)


def talk_slowly(handler: BaseHTTPRequestHandler, gone: threading.Event) -> None:
    begin_stream(handler)
    try:
        while not gone.wait(0.02):  # the pace of a model
            send_piece(handler, "word ")
    except OSError:
        gone.set()


def test_more_connections_than_there_is_room_for_are_told_so(limited_stack: Stack) -> None:
    refusals = Refusals(limited_stack)
    opened: list[socket.socket] = []
    try:
        for _ in range(340):
            opened.append(socket.create_connection(("127.0.0.1", limited_stack.port), PATIENCE))
        said = read_to_end(opened[-1])
        assert said.startswith((b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1", b"HTTP/1.1 408")), said
        assert refusals.count()["api-capacity"] >= 30
    finally:
        for each in opened:
            each.close()
    with connection(limited_stack) as client:
        client.sendall(
            b"GET /healthz HTTP/1.1\r\nhost: %b\r\nconnection: close\r\n\r\n" % limited_stack.url[7:].encode()
        )
        assert read_to_end(client).startswith(b"HTTP/1.1 200")


def descriptors(stack: Stack) -> int:
    return len(list(Path(f"/proc/{stack.processes['gateway'].pid}/fd").iterdir()))


@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are counted as Linux shows them")
def test_handshakes_that_never_end_take_no_port_s_descriptors(limited_stack: Stack) -> None:
    before, refusals = descriptors(limited_stack), Refusals(limited_stack)
    silent: list[socket.socket] = []
    try:
        for _ in range(200):
            silent.append(socket.create_connection(("127.0.0.1", limited_stack.services_port), PATIENCE))
        with connection(limited_stack) as client:
            client.sendall(
                b"GET /healthz HTTP/1.1\r\nhost: %b\r\nconnection: close\r\n\r\n" % limited_stack.url[7:].encode()
            )
            assert read_to_end(client).startswith(b"HTTP/1.1 200"), "another port goes on"
        assert descriptors(limited_stack) <= before + 300 // 4 + 5  # of 300 connections, a quarter; and a few answers
        with certified(limited_stack, limited_stack.authority.issue(uri())) as service:
            assert service.get("/v1/models").status_code == 200  # when those before it are out of time
        assert refusals.count()["api-capacity"]
    finally:
        for each in silent:
            each.close()


@pytest.mark.skipif(sys.platform != "linux", reason="limits are read as Linux shows them")
def test_the_process_may_open_as_much_as_the_machine_lets_it(limited_stack: Stack) -> None:
    limits = Path(f"/proc/{limited_stack.processes['gateway'].pid}/limits").read_text()
    soft, hard = re.search(r"Max open files +(\d+) +(\d+)", limits).groups()  # type: ignore[union-attr]
    assert soft == hard
