"""A person with a browser's manners: cookies, Origin, the session's token. Real requests to the running stack."""

import re
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import orjson

from development.stack import Stack


class Person:
    """Somebody at a browser; nobody in particular until `sign_in`."""

    def __init__(self, stack: Stack, *, timeout: float = 30) -> None:
        self.stack = stack
        self.cookies: dict[str, str] = {}
        self.csrf = ""
        self.key = ""
        self.user = ""
        self._client = httpx2.Client(base_url=stack.url, timeout=timeout, trust_env=False)

    @classmethod
    def of(cls, stack: Stack, account: dict[str, Any]) -> "Person":
        """Return somebody who is signed in already, as development.load_accounts made them."""
        made = cls(stack)
        name, _, token = account["cookie"].partition("=")
        made.cookies, made.csrf, made.key, made.user = {name: token}, account["csrf"], account["key"], account["user"]
        return made

    def close(self) -> None:
        self._client.close()

    def send(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """Send with the cookies and exactly the given headers."""
        headers = dict(options.pop("headers", {}))
        if self.cookies and "cookie" not in headers:
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        response = self._client.request(method, path, headers=headers, **options)
        for line in response.headers.get_list("set-cookie"):
            name, _, value = line.split(";")[0].partition("=")
            if value:
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)
        return response

    def get(self, path: str, **options: Any) -> httpx2.Response:
        return self.send("GET", path, **options)

    def change(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """Send as the application's own page does."""
        own = {"origin": self.stack.url, "sec-fetch-site": "same-origin", "x-csrf-token": self.csrf}
        return self.send(method, path, headers=own | dict(options.pop("headers", {})), **options)

    def post(self, path: str, **options: Any) -> httpx2.Response:
        return self.change("POST", path, **options)

    def answer_of_provider(self, name: str, location: str) -> str:
        """Sign in at the identity provider and return the address that it sends the browser back to."""
        with httpx2.Client(timeout=10, trust_env=False) as client:
            form = client.get(location)
            attempt = re.search(r'name="attempt" value="([^"]+)"', form.text)
            assert attempt, form.text
            fields = {"attempt": attempt[1], "name": name, "password": self.stack.secrets.password(name)}
            answer = client.post(f"{self.stack.issuer}/authorize", data=fields)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    def sign_in(self, name: str) -> "Person":
        begun = self.get("/auth/login")
        assert begun.status_code == 303, begun.text
        back = self.answer_of_provider(name, begun.headers["location"])
        done = self.get(back.removeprefix(self.stack.url))
        assert done.status_code == 303, done.text
        self.csrf = self.get("/api/v1/session").json()["csrf_token"]
        return self

    def upload(self, name: str, content: str | bytes, *, shared: bool = False) -> str:
        """Upload a document, wait until it is searchable, and return its id."""
        body = content.encode() if isinstance(content, str) else content
        response = self.post("/api/v1/documents", params={"name": name, "shared": shared}, content=body)
        assert response.status_code == 202, response.text
        identifier: str = response.json()["id"]
        end = time.monotonic() + 120
        while time.monotonic() < end:
            found = next(d for d in self.get("/api/v1/documents").json() if d["id"] == identifier)
            if found["status"] != "queued":
                assert found["status"] == "ready", found
                return identifier
            time.sleep(0.02)  # polling a server's state
        raise AssertionError(f"not ingested in time; the worker's log ends:\n{self.stack.log_tail('worker')}")

    def begin(self) -> str:
        response = self.post("/api/v1/conversations")
        assert response.status_code == 201, response.text
        return str(response.json()["id"])

    def ask(self, question: str, conversation: str | None = None) -> "Answer":
        """Ask and read the whole stream."""
        conversation = conversation or self.begin()
        response = self.post(f"/api/v1/conversations/{conversation}/turns", json={"question": question})
        assert response.status_code == 200, response.text
        return Answer(conversation, list(read_events(response.text)))


class Answer:
    """A streamed answer as the page would have assembled it."""

    def __init__(self, conversation: str, events: list[tuple[str, Any]]) -> None:
        self.conversation = conversation
        self.events = events
        self.citations = next((data["citations"] for name, data in events if name == "begin"), [])
        self.nodes: list[Any] = []
        for name, data in events:
            if name == "update":
                self.nodes += data.get("done", [])

    @property
    def text(self) -> str:
        return "".join(_texts(self.nodes))

    @property
    def tool_events(self) -> list[tuple[str, str]]:
        return [(data["name"], data["state"]) for name, data in self.events if name == "tool"]

    @property
    def cited(self) -> list[dict[str, Any]]:
        numbers = {node[1]["number"] for node in walk(self.nodes) if node[0] == "cite"}
        return [citation for citation in self.citations if citation["number"] in numbers]


def read_events(text: str) -> Iterator[tuple[str, Any]]:
    for block in text.split("\n\n"):
        if block:
            name, data = block.split("\n", 1)
            yield name.removeprefix("event: "), orjson.loads(data.removeprefix("data: "))


def walk(nodes: list[Any]) -> Iterator[list[Any]]:
    """Yield every node that is no text."""
    for node in nodes:
        if isinstance(node, list):
            yield node
            yield from walk(node[2:])


def _texts(nodes: list[Any]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, str):
            yield node
        else:
            yield from _texts(node[2:])
