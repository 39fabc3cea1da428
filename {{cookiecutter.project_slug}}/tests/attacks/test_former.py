"""Somebody whose rights have ended, and who was in before: with an open answer, a key, a session (api-authz)."""

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack

import httpx2
import pytest

from chatbot.core.principal import Role
from chatbot.gateway.access.actions import ActionTable
from development.stack import Stack
from tests.doubles.goal import must_fail
from tests.doubles.person import Person
from tests.doubles.upstream import ScriptedModel, talk_on
from tests.doubles.wire import head, read_to_end

PEOPLE = "/api/v1/admin/people"
_LONGEST = 10  # seconds that rights may outlive their end


@pytest.mark.parametrize("taken", ["suspension", "role"])
def test_an_open_answer_is_read_no_further(
    model_stack: Stack, model: ScriptedModel, enrolled: Callable[..., Person], taken: str
) -> None:
    """CVE-2026-44553: rights were looked at when a stream began, and never again."""
    admin, former = enrolled(model_stack, "former", Role.ADMIN), enrolled(model_stack, "former")
    model.reset()
    model.behave = talk_on
    headers = {"authorization": f"Bearer {former.key}"}
    body = {"model": "chatbot", "stream": True, "messages": [{"role": "user", "content": "Go on"}]}
    read, begun = "", 0.0
    with (
        httpx2.Client(base_url=model_stack.url, trust_env=False, timeout=20) as client,
        client.stream("POST", "/v1/chat/completions", json=body, headers=headers) as answer,
    ):
        for piece in answer.iter_text():
            read += piece
            if not begun and "word" in read:
                method, more = ("POST", {}) if taken == "suspension" else ("PATCH", {"json": {"role": "auditor"}})
                assert admin.change(method, f"{PEOPLE}/{former.user}/{taken}", **more).status_code == 204
                begun = time.monotonic()
            must_fail(begun and time.monotonic() - begun > _LONGEST, f"an answer goes on after {taken}")
    assert begun and "[DONE]" not in read
    model.reset()
    if taken == "suspension":
        for path in ("/api/v1/documents", "/v1/models"):
            answer = httpx2.get(model_stack.url + path, headers=headers, trust_env=False)
            must_fail(answer.status_code == 200, f"{path} is read by somebody suspended")
            assert former.get("/api/v1/session").status_code == 401


WITH_BODIES = [(method, path) for method, path, _ in ActionTable().rows() if method in ("POST", "PATCH", "DELETE")]
_WAITED = 1.2  # seconds for which the gate's answer is good, and a little


def test_what_was_begun_in_time_is_not_finished_after_the_end(stack: Stack, enrolled: Callable[..., Person]) -> None:
    """CVE-2026-44553 for whole requests: let in with the head, suspended, and only then the rest of the body is sent."""
    admin, former = enrolled(stack, "former", Role.ADMIN), enrolled(stack, "former", Role.ADMIN)
    body = b'{"name":"kept","scopes":["documents"]}'
    with ExitStack() as opened:
        begun = {}
        for method, template in WITH_BODIES:
            path = "/".join(former.user if part.startswith("{") else part for part in template.split("/"))
            path += "?name=kept.md" if path == "/api/v1/documents" else ""
            client = opened.enter_context(socket.create_connection(("127.0.0.1", stack.port), 20))
            more = (f"content-length: {len(body)}", "expect: 100-continue", "connection: close")
            client.sendall(head(former, path, *more, method=method))
            assert client.recv(1000).startswith(b"HTTP/1.1 100"), template  # the gate has let it in
            client.sendall(body[:20])
            begun[method, template] = client
        assert admin.post(f"{PEOPLE}/{former.user}/suspension").status_code == 204
        time.sleep(_WAITED)  # the attacker's own pace
        found = {}
        for route, client in begun.items():
            client.sendall(body[20:])
            found[route] = int(read_to_end(client).split()[1])
    must_fail(min(found.values()) < 300, f"by somebody suspended: {found}")
    assert set(found.values()) == {401}, found
