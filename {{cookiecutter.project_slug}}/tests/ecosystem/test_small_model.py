"""Chats through a real language model: what its server sends is nobody's script."""

import json
import shutil
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from chatbot.operations.doctor import check_model
from development.places import CannotStart
from development.small_model import NAME, is_installed
from development.stack import Stack
from tests.conftest import BOUNDLESS, make_state
from tests.doubles.person import Person

pytestmark = pytest.mark.skipif(
    not is_installed(), reason="the small language model did not run: make setup-ecosystem installs it"
)
QUESTION = "What is the capital of France?"


@pytest.fixture(scope="module")
def small() -> Iterator[Stack]:
    state = make_state()
    settings = BOUNDLESS | {"CHATBOT_MODEL__MAX_ANSWER_TOKENS": "48"}
    try:
        with Stack(state, say=lambda _: None, settings=settings, small_model=True) as stack:
            yield stack
    finally:
        shutil.rmtree(state, ignore_errors=True)


@pytest.fixture(scope="module")
def anna(small: Stack) -> Iterator[Person]:
    made = Person(small, timeout=240).sign_in("alice")
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(small: Stack, anna: Person) -> Iterator[httpx2.Client]:
    key = anna.post("/api/v1/keys", json={"name": "small", "scopes": ["chat"]}).json()["key"]
    headers = {"authorization": f"Bearer {key}"}
    with httpx2.Client(base_url=small.url, headers=headers, timeout=240, trust_env=False) as client:
        yield client


def body_of(**changed: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": QUESTION}]
    return {"model": "chatbot-without-documents", "messages": messages, "temperature": 0, "seed": 1} | changed


def test_a_person_is_answered_and_the_answer_is_kept(anna: Person) -> None:
    anna.upload("boat.md", "# Boat\n\nThe boat is called Petrel.")
    answer = anna.ask("What is the boat called?")
    assert [name for name, _ in answer.events if name == "problem"] == []
    assert answer.text.strip()
    assert [citation["title"] for citation in answer.citations] == ["boat.md"]
    shown = anna.get(f"/api/v1/conversations/{answer.conversation}").json()["messages"]
    assert [message["author"] for message in shown] == ["user", "assistant"]


HISTORY = [
    {"role": "user", "content": "Hello."},
    {"role": "assistant", "content": "Hello. How can I help?"},
    {"role": "user", "content": QUESTION},
]


@pytest.mark.parametrize(
    ("changed", "reason"), [({"max_tokens": 4}, "length"), ({"stop": "e", "messages": HISTORY}, "stop")]
)
def test_a_program_is_answered_whole_and_streamed(client: httpx2.Client, changed: dict[str, Any], reason: str) -> None:
    whole = client.post("/v1/chat/completions", json=body_of(**changed)).json()
    assert whole["choices"][0]["message"]["content"]
    assert whole["choices"][0]["finish_reason"] == reason
    asked = body_of(**changed, stream=True, stream_options={"include_usage": True})
    lines = client.post("/v1/chat/completions", json=asked).text.split("\n\n")
    events = [line.removeprefix("data: ") for line in lines if line]
    assert events.pop() == "[DONE]"
    chunks = [json.loads(event) for event in events]
    deltas = [chunk["choices"][0] for chunk in chunks if chunk["choices"]]
    assert "".join(delta["delta"].get("content") or "" for delta in deltas)
    assert [delta["finish_reason"] for delta in deltas if delta["finish_reason"]] == [reason]
    # the model's own count, not the estimate of a few letters each
    for usage in (whole["usage"], chunks[-1]["usage"]):
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
        assert usage["completion_tokens"] == 4 if reason == "length" else 0 < usage["completion_tokens"] <= 48
        assert usage["prompt_tokens"] > 20


def test_the_doctor_says_what_its_endpoint_takes(small: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    environment = small.environment("gateway")
    status = check_model(environment, json=True)
    said = json.loads(capsys.readouterr().out)
    assert (status, said["needed"], said["problem"]) == (0, [], None), said
    found = said["found"]
    assert found["models"] == "1 listed, the present one among them"
    assert found["usage"] == "counted by the endpoint"
    assert found["limit"] == "max_tokens: kept"
    assert found["sampling"].startswith("temperature, ") and found["sampling"].endswith(": taken")
    status = check_model(environment | {"CHATBOT_MODEL__MAX_TOKENS_FIELD": "max_completion_tokens"}, json=True)
    assert (status, json.loads(capsys.readouterr().out)["problem"]) == (0, None)


def test_it_takes_no_other_endpoint_s_place(small: Stack) -> None:
    settings = {"CHATBOT_MODEL__BASE_URL": "http://127.0.0.1:9/v1"}
    with pytest.raises(CannotStart, match="unset CHATBOT_MODEL__BASE_URL"):
        Stack(small.places.state, settings=settings, small_model=True)
    models = httpx2.get(f"http://127.0.0.1:{small.model_port}/v1/models", trust_env=False)
    assert [model["id"] for model in models.json()["data"]] == [NAME]


def test_no_page_and_no_neighbour_reads_what_is_asked(small: Stack) -> None:
    address = f"http://127.0.0.1:{small.model_port}"
    listed = httpx2.get(f"{address}/v1/models", headers={"origin": "https://evil.example"}, trust_env=False)
    assert listed.headers.get("access-control-allow-origin", "") == ""
    assert httpx2.get(f"{address}/slots", trust_env=False).status_code in (404, 501)
    assert QUESTION not in (small.places.logs / "model.log").read_text()
    assert not [name for name in small.environment("model") if name.startswith("CHATBOT_")]
