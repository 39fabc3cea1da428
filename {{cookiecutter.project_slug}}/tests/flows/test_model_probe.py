"""`chatbot doctor --model` at endpoints that refuse one part of a request, or two, each in words of its own or none."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from chatbot.model import probing
from chatbot.operations.command import main
from chatbot.operations.doctor import check_model
from tests.doubles import upstream
from tests.doubles.upstream import ScriptedModel

KEY, SECRET_ANSWER = "sk-probe-canary-77d1e0a9", "CANARY-ANSWER"
Body = dict[str, Any]
Run = Callable[..., tuple[int, dict[str, Any]]]


def has_role(*roles: str) -> Callable[[Body], bool]:
    return lambda body: any(message["role"] in roles for message in body["messages"])


def has(*names: str) -> Callable[[Body], bool]:
    return lambda body: any(name in body for name in names)


# what an endpoint refuses -> the lines that the doctor must name, whatever the endpoint says
RULES: dict[str, tuple[Callable[[Body], bool], set[str]]] = {
    "max_tokens": (has("max_tokens"), {"MAX_TOKENS_FIELD=max_completion_tokens"}),
    "any limit": (has("max_tokens", "max_completion_tokens"), {'omitted "max_tokens"'}),
    "stream_options": (has("stream_options"), {"SENDS_STREAM_OPTIONS=false"}),
    "stream": (has("stream"), {'omitted "stream"'}),
    "stream_options without stream": (lambda body: "stream_options" in body and "stream" not in body, set()),
    "system role": (has_role("system"), {"INSTRUCTIONS_ROLE=developer"}),
    "any instructing role": (has_role("system", "developer"), {"INSTRUCTIONS_ROLE=user"}),
    "tools": (has("tools"), {"USES_TOOLS=false"}),
    "tool choice": (has("tool_choice"), {"USES_TOOLS=false"}),
    "a tool's result": (has_role("tool"), {"USES_TOOLS=false"}),
    "extra field": (has("reasoning_effort"), {'omitted "reasoning_effort"'}),
    **{
        name: (has(name), {f'omitted "{name}"'})
        for name in ("temperature", "top_p", "stop", "seed", "presence_penalty", "frequency_penalty")
    },
}
# in pairs, one of the fields that only tune stands for its siblings
PAIRED = [name for name in RULES if name not in ("top_p", "stop", "seed", "presence_penalty", "frequency_penalty")]
EXCLUSIVE = ({"max_tokens", "any limit"}, {"system role", "any instructing role"})


def say(status: int, value: object) -> Callable[[BaseHTTPRequestHandler], None]:
    return lambda handler: upstream.send_json(handler, status, value)


def say_in_the_stream(handler: BaseHTTPRequestHandler) -> None:
    upstream.begin_stream(handler)
    upstream.send_raw(handler, b'data: {"error": {"message": "bad request", "code": 400}}\n\n')
    upstream.end_stream(handler)


MANNERS: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {
    "without a word": lambda handler: handler.send_error(400),
    "as validated": say(422, {"detail": [{"type": "extra_forbidden", "msg": "Extra inputs are not permitted"}]}),
    "by another field's name": say(400, {"error": {"message": "temperature, tools: not supported", "param": "seed"}}),
    "as an error of its template": say(500, {"error": {"message": "Conversation roles must alternate"}}),
    "within the stream": say_in_the_stream,
}


class Endpoint(ScriptedModel):
    """An endpoint that refuses what `rules` say, in one manner."""

    def __init__(self) -> None:
        super().__init__()
        self.rules: list[Callable[[Body], bool]] = []
        self.manner = MANNERS["without a word"]
        self.path = "/v1/chat/completions"
        self.says: Callable[[BaseHTTPRequestHandler, Body], None] = self.answer_plainly
        self.behave = self.judge

    def judge(self, handler: BaseHTTPRequestHandler) -> None:
        body = self.requests[-1]
        if handler.path != self.path:
            return upstream.send_json(handler, 404, {"detail": "Not Found"})
        if any(rule(body) for rule in self.rules):
            return self.manner(handler)
        with suppress(OSError):  # whoever looks leaves as soon as it knows enough
            self.says(handler, body)
        return None

    def answer_plainly(self, handler: BaseHTTPRequestHandler, body: Body) -> None:
        """Answer no longer than asked, streamed or not, as asked."""
        most = body.get("max_completion_tokens") or body.get("max_tokens") or 64
        words = " ".join([SECRET_ANSWER, *["word"] * 60][: min(most, 60)])
        self.say_words(handler, body, words)

    def say_words(self, handler: BaseHTTPRequestHandler, body: Body, words: str, reason: str = "stop") -> None:
        usage = {"prompt_tokens": 9, "completion_tokens": len(words.split()), "total_tokens": 9}
        if not body.get("stream"):
            message = {"role": "assistant", "content": words}
            answer = {"choices": [{"index": 0, "message": message, "finish_reason": reason}], "usage": usage}
            return upstream.send_json(handler, 200, answer)
        upstream.begin_stream(handler)
        upstream.send_piece(handler, words)
        end: dict[str, Any] = {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
        if body.get("stream_options"):
            end["usage"] = usage
        upstream.send_raw(handler, b"data: " + json.dumps(end).encode() + b"\n\n")
        return upstream.end_stream(handler)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()
    yield made
    made.close()


@pytest.fixture
def run(endpoint: Endpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    (tmp_path / "model_key").write_text(KEY)

    def run(**changed: str) -> tuple[int, dict[str, Any]]:
        settings = {"BASE_URL": endpoint.base_url, "NAME": "scripted", "IDLE_SECONDS": "5"} | changed
        environment = {f"CHATBOT_MODEL__{name}": value for name, value in settings.items()}
        status = check_model(environment | {"CHATBOT_SECRETS_FOLDER": str(tmp_path)}, json=True)
        said = capsys.readouterr()
        for canary in (KEY, SECRET_ANSWER):
            assert canary not in said.out + said.err
        return status, json.loads(said.out)

    return run


def needed(names: tuple[str, ...]) -> set[str]:
    """Return the lines that must be named for rules, those of left out fields joined into one."""
    told = set[str]().union(*(RULES[name][1] for name in names))
    if set(names) == {"stream", "stream_options without stream"}:
        told.add("SENDS_STREAM_OPTIONS=false")
    omitted = sorted(line.removeprefix("omitted ").strip('"') for line in told if line.startswith("omitted"))
    lines = {f"CHATBOT_MODEL__{line}" for line in told if not line.startswith("omitted")}
    return lines | ({f"CHATBOT_MODEL__OMITTED_FIELDS='{json.dumps(omitted)}'"} if omitted else set())


def as_settings(lines: list[str]) -> dict[str, str]:
    pairs = (line.removeprefix("CHATBOT_MODEL__").partition("=") for line in lines)
    return {name: value.strip("'") for name, _, value in pairs}


def check_rules(endpoint: Endpoint, run: Run, names: tuple[str, ...]) -> None:
    """See that exactly the needed lines are named, and that with them the endpoint takes everything."""
    endpoint.rules = [RULES[name][0] for name in names]
    given = {"EXTRA_FIELDS": '{"reasoning_effort": "low"}'}
    endpoint.requests.clear()
    status, said = run(**given)
    assert (set(said["needed"]), said["problem"]) == (needed(names), None), names
    assert status == (1 if needed(names) else 0)
    assert len(endpoint.requests) <= 30
    again, said = run(**given, **as_settings(said["needed"]))
    assert (again, said["needed"], said["problem"]) == (0, [], None), names


@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("name", RULES)
def test_the_line_that_an_endpoint_needs_is_named(endpoint: Endpoint, run: Run, name: str, manner: str) -> None:
    endpoint.manner = MANNERS[manner]
    check_rules(endpoint, run, (name,))


@pytest.mark.parametrize("first", PAIRED[:-1])
def test_of_two_refused_parts_both_lines_are_named(endpoint: Endpoint, run: Run, first: str) -> None:
    for pair in combinations(PAIRED, 2):
        if pair[0] == first and set(pair) not in EXCLUSIVE:
            check_rules(endpoint, run, pair)


def test_every_request_is_small(endpoint: Endpoint, run: Run) -> None:
    assert run()[0] == 0
    for body in endpoint.requests:
        assert body["max_tokens"] <= 256
        assert len(json.dumps(body)) < 2000
    sent = [{name.lower(): value for name, value in headers.items()} for headers in endpoint.headers]
    assert all(headers["authorization"] == f"Bearer {KEY}" for headers in sent)
    assert "content-length" not in sent[0]  # the list of models is asked for without a body


def test_settings_that_differ_already_are_kept_where_they_work(endpoint: Endpoint, run: Run) -> None:
    given = {
        "MAX_TOKENS_FIELD": "max_completion_tokens", "INSTRUCTIONS_ROLE": "user", "SENDS_STREAM_OPTIONS": "false",
        "USES_TOOLS": "false", "OMITTED_FIELDS": '["top_p", "seed"]',
    }  # fmt: skip
    status, said = run(**given)
    assert (status, said["needed"], said["found"]["uses_tools"]) == (0, [], "off: not asked")
    assert not any({"top_p", "seed", "tools"} & set(body) for body in endpoint.requests)
    endpoint.rules = [has("temperature")]
    assert run(**given)[1]["needed"] == ['CHATBOT_MODEL__OMITTED_FIELDS=\'["seed", "temperature", "top_p"]\'']


@pytest.mark.parametrize("kept", ["max_tokens", "max_completion_tokens", "no field"])
def test_a_limit_that_is_passed_over_in_silence_is_noticed(endpoint: Endpoint, run: Run, kept: str) -> None:
    def answer(handler: BaseHTTPRequestHandler, body: Body) -> None:
        endpoint.say_words(handler, body, " ".join(["word"] * min(body.get(kept, 60), 60)))

    endpoint.says = answer
    status, said = run()
    other = ["CHATBOT_MODEL__MAX_TOKENS_FIELD=max_completion_tokens"] if kept == "max_completion_tokens" else []
    assert (status, said["needed"]) == (len(other), other)
    assert ("kept in no form" in said["found"]["limit"]) == (kept == "no field")


@pytest.mark.parametrize("bound", ["_MAX_CHARACTERS", "_ENOUGH_SECONDS"])
def test_an_answer_without_end_is_left(
    endpoint: Endpoint, run: Run, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    endpoint.says = lambda handler, body: upstream.talk_on(handler)
    monkeypatch.setattr(probing, "_MAX_CHARACTERS", 10**9)
    monkeypatch.setattr(probing, "_ENOUGH_SECONDS", 10**9)
    monkeypatch.setattr(probing, bound, 0.1)
    status, said = run(TOTAL_SECONDS="20", STARTS_THINKING="true")
    assert (status, said["problem"], said["needed"]) == (0, None, [])


def test_a_limit_that_ends_in_a_refusal_is_kept(endpoint: Endpoint, run: Run) -> None:
    endpoint.rules = [lambda body: body.get("max_tokens", 99) < 16]
    assert run()[1]["needed"] == []


@pytest.mark.parametrize("given", ["true", "false"])
def test_tokens_are_counted_where_an_answer_ends(endpoint: Endpoint, run: Run, given: str) -> None:
    def answer(handler: BaseHTTPRequestHandler, body: Body) -> None:
        if body.get("max_tokens", 99) > 8:
            return upstream.talk_on(handler)
        return endpoint.answer_plainly(handler, body)

    endpoint.says = answer
    told = run(SENDS_STREAM_OPTIONS=given)[1]["found"]["usage"]
    assert told == ("counted by the endpoint" if given == "true" else "no count came: it is estimated")


@pytest.mark.parametrize(
    ("words", "reason", "given", "line"),
    [
        ("I think.</think>ready", "stop", "false", "STARTS_THINKING=true"),
        ("I think.</think>ready", "stop", "true", ""),
        ("I think.</think>", "length", "false", "STARTS_THINKING=true"),
        ("<think>I think.</think>ready", "stop", "false", ""),
        ("ready", "stop", "true", "STARTS_THINKING=false"),
        ("I think that", "length", "true", ""),  # cut: it tells nothing
        ("I think that", "length", "false", ""),
    ],
)
def test_unmarked_thoughts_are_noticed(
    endpoint: Endpoint, run: Run, words: str, reason: str, given: str, line: str
) -> None:
    endpoint.says = lambda handler, body: endpoint.say_words(handler, body, words, reason)
    said = run(STARTS_THINKING=given)[1]
    assert said["needed"] == ([f"CHATBOT_MODEL__{line}"] if line else [])


def test_thoughts_that_use_up_the_answer_are_an_answer(endpoint: Endpoint, run: Run) -> None:
    def think(handler: BaseHTTPRequestHandler, body: Body) -> None:
        upstream.begin_stream(handler)
        upstream.send_delta(handler, {"reasoning_content": "Hm."})
        end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]}
        upstream.send_raw(handler, b"data: " + json.dumps(end).encode() + b"\n\n")
        upstream.end_stream(handler)

    endpoint.says = think
    status, said = run()
    assert (status, said["problem"]) == (0, None)
    assert said["found"]["usage"] == "no count came: it is estimated"


@pytest.mark.parametrize("given", ["", "/v1/chat/completions", "/chat/completions"])
def test_a_wrong_path_is_mended(endpoint: Endpoint, run: Run, given: str) -> None:
    root = endpoint.base_url.removesuffix("/v1")
    status, said = run(BASE_URL=f"{root}{given}")
    assert (status, said["needed"]) == (1, [f"CHATBOT_MODEL__BASE_URL={root}/v1"])


def test_a_wrong_name_of_a_model_is_mended_where_there_is_one(endpoint: Endpoint, run: Run) -> None:
    endpoint.rules, endpoint.manner = (
        [lambda body: body["model"] != "own"],
        say(404, {"error": {"message": "no model"}}),
    )
    endpoint.models = ["own"]
    assert run()[:1] == (1,)
    assert run()[1]["needed"] == ["CHATBOT_MODEL__NAME=own"]
    endpoint.models = ["own", "other", "\x1b]0;owned\x07", "$(id)", KEY]
    status, said = run()
    assert status == 2
    assert "It lists these models: own, other" in said["problem"] and "CHATBOT_MODEL__NAME" in said["problem"]
    assert not {"\x1b", "$"} & set(said["problem"])


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "model_key"), (403, "model_key"), (402, "no credit"), (429, "busy"), (502, "busy or fails"), (503, "busy"), (400, "as expected")],
)  # fmt: skip
def test_a_refusal_of_every_request_is_one_sentence(endpoint: Endpoint, run: Run, status: int, said: str) -> None:
    endpoint.rules, endpoint.manner = [lambda body: True], say(status, {"error": {"message": f"{KEY} {SECRET_ANSWER}"}})
    found, told = run()
    assert (found, told["needed"]) == (2, [])
    assert said in told["problem"] and told["problem"].count(". ") == 0
    assert len(endpoint.requests) <= (9 if status == 400 else 1)


def test_an_account_without_credit_is_no_form_of_a_request(endpoint: Endpoint, run: Run) -> None:
    endpoint.rules, endpoint.manner = [lambda body: True], say(400, {"error": {"code": "insufficient_quota"}})
    status, said = run()
    assert (status, "no credit" in said["problem"], len(endpoint.requests)) == (2, True, 1)


def test_a_refusal_that_comes_later_ends_the_look(endpoint: Endpoint, run: Run) -> None:
    endpoint.rules, endpoint.manner = [has("tools")], say(429, {"error": {"message": "slow down"}})
    status, said = run()
    assert (status, said["needed"], "busy" in said["problem"]) == (2, [], True)


def test_parts_that_are_refused_together_only_are_said(endpoint: Endpoint, run: Run) -> None:
    endpoint.rules = [has("max_tokens"), lambda body: "tools" in body and "temperature" in body]
    status, said = run()
    assert (status, said["needed"]) == (2, [])
    assert "refuses them together" in said["problem"]


@pytest.mark.parametrize("body", [b"<h1>Welcome</h1>", b'{"status": "ok"}', b"", b"[1]", b"{"])
@pytest.mark.parametrize("kind", ["text/html", "application/json", "text/event-stream", "text/plain"])
def test_whatever_else_answers_there_is_no_model(endpoint: Endpoint, run: Run, body: bytes, kind: str) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-type", kind)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    endpoint.behave = answer
    status, said = run()
    assert status == 2
    assert "CHATBOT_MODEL__BASE_URL" in said["problem"]


def test_what_cannot_be_reached_is_said(endpoint: Endpoint, run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        status, said = run(BASE_URL=f"http://127.0.0.1:{port}/v1", IDLE_SECONDS="0.1")
        assert (status, said["problem"]) == (2, "The endpoint cannot be asked: no data in time.")
    status, said = run(BASE_URL=f"http://127.0.0.1:{port}/v1")
    assert (status, said["problem"]) == (2, "The endpoint cannot be asked: cannot connect: nothing listens there.")
    status, said = run(BASE_URL=endpoint.base_url.replace("http:", "https:"))
    assert (status, said["problem"]) == (2, "The endpoint cannot be asked: cannot connect: it does not speak TLS.")
    assert endpoint.requests == []


def test_a_person_reads_it_at_the_terminal(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CHATBOT_MODEL__BASE_URL", raising=False)
    assert main(["doctor", "--model"]) == 0
    assert "offline assistant" in capsys.readouterr().out
    monkeypatch.setenv("CHATBOT_MODEL__BASE_URL", endpoint.base_url)
    monkeypatch.setenv("CHATBOT_MODEL__NAME", "scripted")
    assert main(["doctor", "--model"]) == 0
    assert capsys.readouterr().out.endswith("The settings work as they are.\n")
    endpoint.rules = [has("max_tokens")]
    assert main(["doctor", "--model"]) == 1
    shown = capsys.readouterr().out
    assert shown.endswith("These settings are needed:\n  CHATBOT_MODEL__MAX_TOKENS_FIELD=max_completion_tokens\n")
    assert "max_tokens: refused; max_completion_tokens: taken" in shown
    monkeypatch.setenv("CHATBOT_MODEL__NAMES", "x")
    assert main(["doctor", "--model"]) == 2
    assert "CHATBOT_MODEL__NAMES is not a setting" in capsys.readouterr().out
    assert main_status(["doctor"]) == main_status(["doctor", "--model", "--config"]) == 2


def main_status(arguments: list[str]) -> object:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return ended.value.code
