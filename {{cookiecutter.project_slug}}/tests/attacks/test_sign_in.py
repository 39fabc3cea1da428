"""The sign-in attacked: who has an account, codes used twice, what is shown of the inside (web-session, api-authz)."""

import asyncio
import contextlib
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from chatbot.chat.asking.prompt import INSTRUCTIONS
from chatbot.core.principal import Role
from chatbot.gateway.access.actions import ActionTable
from chatbot.identity.openid import SignInFailed
from chatbot.identity.people import NotAdmitted, admit
from chatbot.wiring import build_gateway
from development.stack import PROJECT, Stack
from tests.conftest import MODEL_KEY
from tests.doubles.goal import must_fail
from tests.doubles.person import Person
from tests.doubles.upstream import ScriptedModel
from tests.house.routes import application
from tests.unit.test_forged_tokens import NONCE, provider, signed

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def test_an_answer_of_the_provider_opens_one_session_of_twenty(stack: Stack, person: Callable[..., Person]) -> None:
    """CVE-2026-72917: a one-time code is consumed in one step, however often it comes at once."""
    visitor = person()
    begun = visitor.get("/auth/login")
    back = visitor.answer_of_provider("bob", begun.headers["location"]).removeprefix(stack.url)
    cookie = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())

    def finish(_: int) -> int:
        return httpx2.get(f"{stack.url}{back}", headers={"cookie": cookie}, trust_env=False).status_code

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(finish, range(20)))
    assert statuses.count(303) == 1
    assert set(statuses) == {303, 400}


def test_nobody_learns_who_has_an_account(stack: Stack) -> None:
    """CVE-2025-11750: the answers for known and unknown accounts are the same but for what is random in each."""
    answers = []
    for name in ("alice", "nobody-at-all"):
        with httpx2.Client(trust_env=False) as client:
            begun = client.get(f"{stack.url}/auth/login")
            form = client.get(begun.headers["location"])
            attempt = re.search(r'name="attempt" value="([^"]+)"', form.text)
            fields = {"attempt": attempt and attempt[1], "name": name, "password": "wrong"}
            answer = client.post(f"{stack.issuer}/authorize", data=fields)
        answers.append((answer.status_code, re.sub(r'value="[^"]+"', "", answer.text)))
    assert answers[0] == answers[1]


def test_no_answer_shows_instructions_keys_or_backends(
    model_stack: Stack, model: ScriptedModel, person: Callable[..., Person]
) -> None:
    """CVE-2026-45351: lists sent to ordinary users contained system prompts, credential ids or keys."""
    model.reset()
    ann = person("alice", at=model_stack)
    conversation = ann.ask("Hello?").conversation
    seen = [
        ann.get(
            re.sub(r"\{\w+\}", conversation, template), params={"format": "json"} if "export" in template else {}
        ).text
        for method, template, _ in ActionTable().rows()
        if method == "GET"
    ]
    assert any("Hello?" in text for text in seen)
    hidden = [
        INSTRUCTIONS[:60],
        MODEL_KEY,
        model.base_url,
        str(model_stack.places.sockets),
        *model_stack.secrets.values(),
    ]
    for text in seen:
        assert not [secret for secret in hidden if secret in text]


@pytest.mark.parametrize("name", ["scripted", "offline", "gpt-4o", "chatbot/../scripted", "CHATBOT", "", "*"])
def test_no_route_reaches_a_model_that_is_not_offered(
    model_stack: Stack, model: ScriptedModel, person: Callable[..., Person], name: str
) -> None:
    """CVE-2026-44556: sibling routes skipped the per-model check. Here two routes name a model, and one list is asked."""
    document = json.loads((PROJECT / "openapi.json").read_text())
    assert {path for path in document["paths"] if "model" in path} == {"/v1/models", "/v1/models/{model}"}
    model.reset()
    ann = person("alice", at=model_stack)
    key = ann.post("/api/v1/keys", json={"name": "x", "scopes": ["chat"]}).json()["key"]
    body = {"model": name, "messages": [{"role": "user", "content": "Hello?"}]}
    headers = {"authorization": f"Bearer {key}"}
    asked = httpx2.post(f"{model_stack.url}/v1/chat/completions", json=body, headers=headers, trust_env=False)
    assert asked.status_code in (404, 422)
    assert not model.requests


def test_no_event_goes_to_a_connection_that_somebody_names() -> None:
    """CVE-2026-59216, CVE-2026-31950: events go down the response of the request that asked, and nowhere else.

    Reviewed: there is no route to attach to a stream, no socket, and no identifier of a connection in any request.
    """
    document = (PROJECT / "openapi.json").read_text()
    assert not re.search(r"(?i)socket|connection_id|client_id|stream_id|channel_id", document)
    assert not [route for route in application().router.routes if "websocket" in type(route).__name__.lower()]


def test_a_switched_off_feature_is_not_there(tmp_path: Any) -> None:
    """CVE-2026-45672: with tools off none is offered and none can be called; with no model endpoint none is asked."""
    import secrets

    from chatbot.config.loading import load_settings
    from chatbot.model.offline import OfflineAssistant
    from development.secret_store import PARTS
    from tests.unit.test_settings import GOOD

    for name in PARTS["gateway"]:
        (tmp_path / name).write_text(secrets.token_hex(32))
    chosen = {**GOOD, "CHATBOT_SECRETS_FOLDER": str(tmp_path)}
    rules = {"CHATBOT_TOOLS__SERVERS": '{"sample": {"url": "http://127.0.0.1:1/mcp"}}',
             "CHATBOT_TOOLS__RULES": '{"sums": {"server": "sample", "arguments": {"type": "object", "properties": {}, "additionalProperties": false}}}'}  # fmt: skip
    assert build_gateway(load_settings(chosen | rules)).tools is not None
    assert build_gateway(load_settings(chosen | rules | {"CHATBOT_MODEL__USES_TOOLS": "false"})).tools is None
    assert build_gateway(load_settings(chosen)).tools is None
    assert isinstance(build_gateway(load_settings(chosen)).model, OfflineAssistant)


@pytest.mark.parametrize("changed", [{"iss": "https://evil.example"}, {"aud": "another-application"}], ids=str)
def test_nobody_signs_in_by_another_provider_s_word(changed: dict[str, Any]) -> None:
    """One provider is asked for people: a token of another, or one for another application, names nobody here."""
    won = False
    with contextlib.suppress(SignInFailed):
        claims = asyncio.run(provider()._verify(signed(groups=["acme-admins"], **changed), **NONCE))
        who, _ = admit(claims, {"acme-admins": ("acme", Role.ADMIN)})
        won = who.role is Role.ADMIN
    must_fail(won, f"somebody signed in as an administrator by a token with {changed}")


@pytest.mark.parametrize(
    "held",
    [None, [], "acme-admins", ["acme-admins "], ["ACME-ADMINS"], ["admin"], [["acme-admins"]], {"acme-admins": 1}],
    ids=str,
)
def test_nobody_is_admitted_but_by_a_listed_group(held: Any) -> None:
    """The first to come is nobody in particular: an administrator is whom the provider's group makes one."""
    claims = {"iss": "https://sso.acme.net", "sub": "first", "groups": held}
    with pytest.raises(NotAdmitted):
        admit(claims, {"acme-admins": ("acme", Role.ADMIN)})
