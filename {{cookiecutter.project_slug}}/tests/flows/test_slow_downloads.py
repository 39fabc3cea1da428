"""One user's slow download: it delays the user's other searches and exports, and nothing else (api-capacity)."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from development.stack import Stack
from tests.doubles.database import connect, principal_of
from tests.doubles.person import Person

_MESSAGES = """
insert into chatbot.messages (tenant_id, user_id, conversation_id, author, content)
select %s, %s, %s, 'user', repeat('slow ', 12000) from generate_series(1, 200)
"""
SECONDS = 20


class Downloads:
    """A user with 12 MB in one conversation, and requests on connections of their own."""

    def __init__(self, person: Person, stack: Stack, open_sockets: ExitStack) -> None:
        self.person, self._stack, self._open = person, stack, open_sockets
        self.path = f"/api/v1/conversations/{person.begin()}"
        principal = principal_of(person, "acme")
        with connect(stack, "bootstrap") as outside:
            values = (principal.tenant_id, principal.user_id, self.path.rpartition("/")[2])
            outside.execute(_MESSAGES, values)

    def ask(self, path: str) -> socket.socket:
        """Send a request and read nothing."""
        client = self._open.enter_context(socket.socket())
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(SECONDS)
        client.connect(("127.0.0.1", self._stack.port))
        cookie = "; ".join(f"{name}={value}" for name, value in self.person.cookies.items())
        host = self._stack.url.removeprefix("http://")
        client.sendall(f"GET {path} HTTP/1.1\r\nhost: {host}\r\ncookie: {cookie}\r\n\r\n".encode())
        return client

    def begin(self) -> socket.socket:
        """Begin the slow download: its head has come, and the rest is left unread."""
        client = self.ask(f"{self.path}/export?format=json")
        assert client.recv(12) == b"HTTP/1.1 200"
        return client


@pytest.fixture
def downloads(person: Callable[..., Person], stack: Stack, request: pytest.FixtureRequest) -> Iterator[Downloads]:
    with ExitStack() as open_sockets:
        made = Downloads(person(getattr(request, "param", "bob")), stack, open_sockets)
        yield made
    with connect(stack, "bootstrap") as outside:
        outside.execute("delete from chatbot.conversations where id = %s", (made.path.rpartition("/")[2],))


@pytest.mark.parametrize("waiting", ["{}", "{}/export?format=json", "/api/v1/conversations?search=slow"])
def test_what_waits_for_a_slow_download_keeps_nobody_from_the_rest(downloads: Downloads, waiting: str) -> None:
    downloads.begin()
    for _ in range(4):
        downloads.ask(waiting.format(downloads.path))
    for _ in range(10):  # the first may come before those that wait
        assert downloads.person.get("/api/v1/keys").status_code == 200


@pytest.mark.parametrize("downloads", ["ada"], indirect=True)  # nothing of the other tests is in her audit trail
def test_a_search_whose_client_has_disconnected_is_not_carried_out(downloads: Downloads) -> None:
    slow = downloads.begin()
    for client in [downloads.ask("/api/v1/conversations?search=slow") for _ in range(2)]:
        for _ in range(5):
            assert downloads.person.get("/api/v1/keys").status_code == 200  # the search waits by now
        client.close()
    slow.close()
    end, left = time.monotonic() + SECONDS, 0
    while left < 2 and time.monotonic() < end:
        records = downloads.person.get("/api/v1/audit/own", params={"most": 200}).json()
        # a search that was carried out is 200
        left = [each["status"] for each in records if each["action"] == "read conversations"].count(400)
        time.sleep(0.1)  # polling a server's state
    assert left == 2
