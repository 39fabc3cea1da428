"""Bytes on a connection, as no client would send them, and what comes back."""

import socket
from typing import NamedTuple

from development.stack import Stack
from tests.doubles.person import Person


class Heard(NamedTuple):
    """The statuses of the answers in their order, all bytes, and whether the server closed the connection."""

    statuses: list[int]
    text: str
    closed: bool


def speak(stack: Stack, data: bytes, seconds: float = 2.0) -> Heard:
    """Send bytes and read until the server closes, or says nothing for `seconds`."""
    with socket.create_connection(("127.0.0.1", stack.port), timeout=seconds) as connection:
        connection.sendall(data)
        pieces, closed = [], False
        try:
            while not closed:
                pieces.append(connection.recv(65536))
                closed = not pieces[-1]
        except ConnectionResetError:
            closed = True
        except TimeoutError:
            pass
    text = b"".join(pieces).decode("latin-1")
    statuses = [int(line.split()[1]) for line in text.splitlines() if line.startswith("HTTP/1.1 ")]
    return Heard(statuses, text, closed)


def request(stack: Stack, method: str, target: str, *lines: str, host: str | None = None, body: bytes = b"") -> bytes:
    """Return a request with exactly these lines; it asks for the connection to end after it."""
    head = [f"{method} {target} HTTP/1.1", f"Host: {host if host is not None else stack.url.removeprefix('http://')}"]
    return "\r\n".join([*head, "Connection: close", *lines, "", ""]).encode("latin-1") + body


def head(person: Person, path: str, *more: str, method: str = "POST") -> bytes:
    """Return the head of a person's request with a JSON body, as their page sends it."""
    cookie = "; ".join(f"{name}={value}" for name, value in person.cookies.items())
    lines = [
        f"{method} {path} HTTP/1.1",
        f"host: {person.stack.url.removeprefix('http://')}",
        f"origin: {person.stack.url}",
        f"x-csrf-token: {person.csrf}",
        f"cookie: {cookie}",
        "content-type: application/json",
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def read_to_end(client: socket.socket) -> bytes:
    """Return what comes until the server hangs up."""
    found = b""
    try:
        while data := client.recv(65536):
            found += data
    except ConnectionResetError:
        pass
    return found
