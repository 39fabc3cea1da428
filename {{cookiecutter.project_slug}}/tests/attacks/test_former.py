"""Somebody whose rights have ended, and who was in before: with an open answer, a key, a session (api-authz)."""

import time
from collections.abc import Callable

import httpx2
import pytest

from chatbot.core.principal import Role
from development.stack import Stack
from tests.doubles.goal import must_fail
from tests.doubles.person import Person
from tests.doubles.upstream import ScriptedModel, talk_on

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
