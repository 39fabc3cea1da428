"""The same turn against an OpenAI-compatible endpoint, streaming."""

import hmac
import threading
from base64 import urlsafe_b64decode
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import httpx2
import psutil
import pytest

from development.stack import Stack
from tests.conftest import MODEL_KEY
from tests.doubles import upstream
from tests.doubles.database import principal_of
from tests.doubles.person import Person
from tests.doubles.upstream import ScriptedModel


@pytest.fixture
def anna(model_stack: Stack, model: ScriptedModel, person: Callable[..., Person]) -> Person:
    model.reset()
    return person("alice", model_stack)


def test_the_answer_streams_from_the_endpoint_with_citations(anna: Person, model: ScriptedModel) -> None:
    anna.upload("note.md", "# Boat\n\nThe boat is called Petrel.")
    model.pieces = ["The boat is ", "called **Petrel** ", "[1]", "."]
    answer = anna.ask("What is the boat called?")
    assert answer.nodes == [["p", 0, "The boat is called ", ["strong", 0, "Petrel"], " ", ["cite", {"number": 1}], "."]]
    request = model.requests[-1]
    assert request["stream"] is True
    assert request["model"] == "scripted"
    assert request["messages"][0]["role"] == "system"
    assert "The boat is called Petrel." in request["messages"][-1]["content"]


def test_the_key_of_the_file_is_sent_and_appears_nowhere_else(anna: Person, model: ScriptedModel) -> None:
    answer = anna.ask("Hello?")
    sent = {name.lower(): value for name, value in model.headers[-1].items()}
    assert sent["authorization"] == f"Bearer {MODEL_KEY}"
    assert MODEL_KEY not in str(answer.events)
    for log in anna.stack.places.logs.glob("*.log"):
        assert MODEL_KEY not in log.read_text()
    for process in anna.stack.processes.values():
        assert MODEL_KEY not in str(psutil.Process(process.pid).environ())


def test_what_the_endpoint_keeps_of_a_tenant_s_prompts_no_other_tenant_s_can_meet(
    anna: Person, model: ScriptedModel, model_stack: Stack, person: Callable[..., Person]
) -> None:
    """By the page and by a program, every request says whose it is in a way that nobody can guess (sealed, not named)."""
    people = {"alice": anna, "bob": person("bob", model_stack), "grace": person("grace", model_stack)}
    salts: dict[str, set[str]] = {}
    for name, somebody in people.items():
        model.requests.clear()
        first = somebody.ask("First?")
        somebody.ask("Second?", first.conversation)
        key = somebody.post("/api/v1/keys", json={"name": "salt", "scopes": ["chat"]}).json()["key"]
        body = {"model": "chatbot", "messages": [{"role": "user", "content": "By a program?"}]}
        headers = {"authorization": f"Bearer {key}"}
        answer = httpx2.post(f"{model_stack.url}/v1/chat/completions", json=body, headers=headers, timeout=20)
        assert answer.status_code == 200
        assert len(model.requests) == 3
        salts[name] = {request["cache_salt"] for request in model.requests}
    assert len(salts["alice"]) == 1 and salts["alice"] == salts["bob"] != salts["grace"]
    tenant = principal_of(anna, "acme").tenant_id
    (salt,) = salts["alice"]
    assert len(salt) == 44 and str(tenant) not in salt
    guesses = (hmac.digest(key, b"cache salt|" + tenant.bytes, "sha256") for key in (b"", tenant.bytes, bytes(32)))
    assert urlsafe_b64decode(salt) not in guesses


def test_history_is_sent_along(anna: Person, model: ScriptedModel) -> None:
    model.pieces = ["One."]
    first = anna.ask("First?")
    anna.ask("Second?", first.conversation)
    roles = [message["role"] for message in model.requests[-1]["messages"]]
    assert roles == ["system", "user", "assistant", "user"]


def test_the_question_is_durable_before_the_first_token(anna: Person, model: ScriptedModel) -> None:
    go = threading.Event()

    def wait(handler: BaseHTTPRequestHandler) -> None:
        upstream.begin_stream(handler)
        assert go.wait(20)
        upstream.send_piece(handler, "Late.")
        upstream.end_stream(handler)

    model.behave = wait
    conversation = anna.begin()
    path = f"{anna.stack.url}/api/v1/conversations/{conversation}/turns"
    headers = {
        "origin": anna.stack.url,
        "x-csrf-token": anna.csrf,
        "cookie": "; ".join(f"{k}={v}" for k, v in anna.cookies.items()),
    }
    with httpx2.stream("POST", path, json={"question": "Kept?"}, headers=headers, timeout=20) as response:
        pieces = response.iter_text()
        assert next(pieces).startswith("event: begin")
        shown = anna.get(f"/api/v1/conversations/{conversation}").json()
        assert [message["text"] for message in shown["messages"]] == ["Kept?"]
        go.set()
        assert "Late." in "".join(pieces)


def test_leaving_stops_the_model_and_keeps_what_was_answered(anna: Person, model: ScriptedModel) -> None:
    stopped = threading.Event()

    def endless(handler: BaseHTTPRequestHandler) -> None:
        upstream.begin_stream(handler)
        upstream.send_piece(handler, "So far.")
        try:
            while True:
                upstream.send_piece(handler, " more")
                stopped.wait(0.01)  # the pace of a model
        except OSError:
            stopped.set()

    model.behave = endless
    conversation = anna.begin()
    path = f"{anna.stack.url}/api/v1/conversations/{conversation}/turns"
    headers = {
        "origin": anna.stack.url,
        "x-csrf-token": anna.csrf,
        "cookie": "; ".join(f"{k}={v}" for k, v in anna.cookies.items()),
    }
    with httpx2.stream("POST", path, json={"question": "Go on?"}, headers=headers, timeout=20) as response:
        for text in response.iter_text():
            if "So far." in text:
                break
    assert stopped.wait(10), "the model was still being read after the reader left"
    for _ in range(500):
        messages = anna.get(f"/api/v1/conversations/{conversation}").json()["messages"]
        if len(messages) == 2:
            break
    assert messages[1]["outcome"] == "stopped"
    assert messages[1]["nodes"][0][2].startswith("So far.")


@pytest.mark.parametrize("status", [301, 302, 400, 401, 429, 500, 503])
def test_a_refusing_endpoint_becomes_a_problem_and_the_question_is_kept(
    anna: Person, model: ScriptedModel, status: int
) -> None:
    def refuse(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("content-length", "6")
        handler.send_header("location", "http://127.0.0.1:1/")
        handler.end_headers()
        handler.wfile.write(b"SECRET")

    model.behave = refuse
    answer = anna.ask("Hello?")
    name, problem = answer.events[-1]
    assert (name, problem["status"]) == ("problem", 429 if status == 429 else 503)
    assert "SECRET" not in str(answer.events)
    messages = anna.get(f"/api/v1/conversations/{answer.conversation}").json()["messages"]
    assert [(m["author"], m.get("outcome")) for m in messages] == [("user", None), ("assistant", "failed")]
