"""A store that is down: every route says so, none breaks, and all come back with it (app-error)."""

import signal
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from development.processes import end_child
from development.stack import Stack
from tests.conftest import running_stack
from tests.doubles.person import Person
from tests.flows.test_bodies import filled
from tests.flows.test_services import wait_for
from tests.house.routes import every_route

ROUTES = sorted((method, route.path) for route in every_route() for method in route.methods or () if method != "HEAD")
QUESTION = {"model": "chatbot", "messages": [{"role": "user", "content": "What?"}]}
# nobody signs out before the others were tried
LAST = [("DELETE", "/api/v1/session"), ("DELETE", "/api/v1/sessions"), ("DELETE", "/api/v1/sessions/{session}")]
BODIES: dict[str, Any] = {
    "/api/v1/keys": {"name": "x", "scopes": ["chat"]},
    "/api/v1/conversations/{conversation}/turns": {"question": "What?"},
    "/v1/chat/completions": QUESTION,
    "/api/v1/admin/people/{person}/role": {"role": "member"},
    "/api/v1/admin/people/{person}/budget": {"monthly_tokens": 5},
    "/api/v1/admin/budget": {"monthly_tokens": 5},
}
# what is asked of the database before anything else; the rest is the page's own, or refuses what it was sent
NEEDED = {
    "database": {"/api/v1/conversations", "/api/v1/documents", "/api/v1/usage", "/api/v1/admin/people", *BODIES},
    "state": {path for _, path in ROUTES if path.startswith(("/api/", "/v1/")) or path in ("/", "/settings", "/admin")},
}


@pytest.fixture(scope="module")
def own_stack() -> Iterator[Stack]:
    """A stack whose stores may be stopped."""
    yield from running_stack({})


def ask(person: Person, method: str, path: str, key: str = "") -> httpx2.Response:
    options: dict[str, Any] = {"json": BODIES[path]} if method in ("POST", "PATCH") and path in BODIES else {}
    if (method, path) == ("POST", "/api/v1/documents"):
        options = {"params": {"name": "x.md"}, "content": b"# X"}
    if key:
        headers = {"authorization": f"Bearer {key}"}
        return httpx2.request(
            method, person.stack.url + filled(path), headers=headers, trust_env=False, timeout=20, **options
        )
    return person.change(method, filled(path), **options)


@pytest.mark.parametrize("part", ["database", "state"])
def test_without_a_store_no_route_breaks_and_all_come_back(own_stack: Stack, part: str) -> None:
    ada = Person(own_stack).sign_in("ada")
    key = ada.post("/api/v1/keys", json={"name": "outage", "scopes": ["chat", "documents"]}).json()["key"]
    conversation = ada.begin()
    assert "event: end" in ada.post(f"/api/v1/conversations/{conversation}/turns", json={"question": "What?"}).text
    end_child(own_stack.processes.pop(part), signal.SIGINT if part == "database" else signal.SIGTERM)
    try:
        found = {}
        for method, path in [each for each in ROUTES if each not in LAST] + (LAST if part == "state" else []):
            for carried in ("", key):
                found[method, path, bool(carried)] = answer = ask(ada, method, path, carried)
                assert answer.status_code == 503 or answer.status_code < 500, (method, path, answer.text)
                if answer.status_code == 503:
                    assert answer.headers["content-type"].startswith("application/"), path
                    assert any(word in answer.text for word in ("moment", "down", "Try again")), answer.text
        for (method, path, program), answer in found.items():
            assert answer.status_code == 503 or program or path not in NEEDED[part], (method, path, answer.text)
        statuses = {each: answer.status_code for each, answer in found.items()}
        assert statuses["POST", "/v1/chat/completions", True] == 503
        assert (statuses["GET", "/healthz", False], statuses["GET", "/readyz", False]) == (200, 503)
        assert statuses["GET", "/sign-in", False] == 200
    finally:
        (own_stack.postgres if part == "database" else own_stack.state).start(own_stack._keep)

    def works() -> bool:
        question = ada.post(f"/api/v1/conversations/{conversation}/turns", json={"question": "What?"})
        return "event: end" in question.text and ask(ada, "POST", "/v1/chat/completions", key).status_code == 200

    wait_for(works, 20)
    ada.close()
