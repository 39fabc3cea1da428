"""Fits calls of openapi.json so that they can be accepted: with a person, and objects that exist."""

import asyncio
import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2

from chatbot.config.loading import load_settings
from development.load_accounts import make_accounts
from tests.doubles.person import Person

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parents[2] / "openapi.json").read_text())
OPERATIONS = sorted((method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods)
GUIDE = "# Guide\n\nThe owl is called Admiral Biscuit."
QUESTION = {"role": "user", "content": "What is the owl called?"}
# what the published schema allows and this server says it does not do
UNSUPPORTED = (
    "n", "audio", "modalities", "logprobs", "top_logprobs", "logit_bias", "moderation", "web_search_options",
    "response_format", "tool_choice", "function_call",
)  # fmt: skip


class Caller:
    """A person with a conversation, a message, a document and a passage; new ones for whatever is used up."""

    def __init__(self, name: str, again: Callable[[], Person]) -> None:
        self._name = name
        self.person = again()
        self._again = again
        self._document = self._upload()
        answer = self.person.ask(str(QUESTION["content"]))
        self._conversation = answer.conversation
        self._message = next(data["question"] for name, data in answer.events if name == "begin")
        self._passage = answer.citations[0]

    def renew(self) -> None:
        """Prove anew who asks: on a slow machine a sign-in grows too old for what asks for a fresh one."""
        self.person.sign_in(self._name)

    def values(self, method: str, path: str) -> dict[str, str]:
        """Return path values that name something real, which no earlier call has used up."""
        used_up = method == "DELETE" or path.endswith(("/restore", "/index"))
        if "{conversation}" in path:
            fresh = self.person.begin() if used_up else self._conversation
            if path.endswith("/restore"):
                self.person.change("DELETE", f"/api/v1/conversations/{fresh}")
            return {"conversation": fresh}
        if "{chunk}" in path:
            return {"document": self._passage["document"], "chunk": str(self._passage["chunk"])}
        if "{document}" in path:
            return {"document": self._upload() if used_up else self._document}
        if "{person}" in path:
            return {name: value for name, value in self._colleague().items() if f"{{{name}}}" in path}
        if "{session}" in path:
            return {
                "session": next(
                    found["id"] for found in self._again().get("/api/v1/sessions").json() if found["current"]
                )
            }
        if "{key}" in path:
            return {"key": self._key()}
        return {"model": "chatbot"} if "{model}" in path else {}

    def somebody(self, method: str, path: str) -> Person:
        """Return who sends: the same person at another browser where a session is used up."""
        used_up = path == "/auth/callback" or (method, path) == ("DELETE", "/api/v1/session")
        return self._again() if used_up else self.person

    def fit(self, person: Person, method: str, path: str, query: dict[str, Any], body: Any) -> tuple[Any, Any]:
        """Return query and body with what no random value can be."""
        if path == "/auth/callback":
            query = self._answer(person)
        if query.get("through"):
            query["through"] = self._message
        if (method, path) == ("POST", "/api/v1/documents"):
            query, body = query | {"name": "fit.md"}, GUIDE.encode()
        if path == "/auth/backchannel-logout":
            told = {"name": "grace", "password": person.stack.secrets.password("grace"), "tell": "no"}
            answer = httpx2.post(f"{person.stack.issuer}/end", data=told, trust_env=False)
            body = {"logout_token": answer.json()["logout_token"]}
        if (method, path) == ("POST", "/api/v1/keys"):
            self._revoke_keys()
        if isinstance(body, dict):
            body = {name: self._seen(name, value) for name, value in copy.deepcopy(body).items()}
        if path == "/v1/chat/completions":
            told = [dict(message, content="x") for message in body["messages"][:8]]
            kept = {name: value for name, value in body.items() if name not in UNSUPPORTED}
            body = kept | {"model": "chatbot", "messages": [*told, QUESTION]}
        return query, body

    def undo(self, method: str, path: str) -> None:
        """Take back what a call changed for everybody: any number may be the organisation's budget, 0 too."""
        if (method, path) == ("PATCH", "/api/v1/admin/budget"):
            answer = self.person.change("PATCH", path, json={"monthly_tokens": None})
            assert answer.status_code == 204, answer.text

    def _seen(self, name: str, value: Any) -> Any:
        if name in ("again", "parent"):
            return value and self._message
        if isinstance(value, float) and value.is_integer():
            return int(value)  # JSON Schema calls 3.0 an integer; here a count has one spelling
        blank = isinstance(value, str) and name != "folder" and not (value.isprintable() and value.strip())
        return "seen" if blank else value

    def _answer(self, person: Person) -> dict[str, str]:
        """Return the provider's answer to a sign-in that this person began."""
        begun = person.get("/auth/login")
        back = person.answer_of_provider("bob", begun.headers["location"])
        return dict(parse_qsl(urlsplit(back).query))

    def _colleague(self) -> dict[str, str]:
        """Return somebody of the same organisation whom nobody else needs, and a key of theirs."""
        settings = load_settings(self.person.stack.environment("gateway"))
        (made,) = asyncio.run(make_accounts(settings, 1, "acme"))
        keys = self.person.get(f"/api/v1/admin/people/{made['user']}/keys").json()
        return {"person": made["user"], "key": keys[0]["id"]}

    def _upload(self) -> str:
        return self.person.upload("guide.md", GUIDE)

    def _revoke_keys(self) -> None:
        for row in self.person.get("/api/v1/keys").json():
            if row["revoked_at"] is None:
                self.person.change("DELETE", f"/api/v1/keys/{row['id']}")

    def _key(self) -> str:
        self._revoke_keys()
        made = self.person.post("/api/v1/keys", json={"name": "caller", "scopes": ["chat"]})
        assert made.status_code == 201, made.text
        return str(made.json()["id"])


def calling(stack: Any, name: str) -> Iterator[Caller]:
    """Yield a caller, and close all its browsers after."""
    people: list[Person] = []

    def again() -> Person:
        people.append(Person(stack).sign_in(name))
        return people[-1]

    yield Caller(name, again)
    for person in people:
        person.close()
