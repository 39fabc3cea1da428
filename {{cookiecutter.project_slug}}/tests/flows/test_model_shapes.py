"""What OpenAI-compatible endpoints send: 158 shapes after public reports, each cut anywhere on the wire."""

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from chatbot.config.settings import ModelSettings
from chatbot.model.answer_reader import AnswerReader
from chatbot.model.openai import OpenAIModel
from chatbot.model.port import (
    AnswerFiltered,
    Finished,
    ModelBusy,
    ModelFailed,
    Prompt,
    PromptTooLong,
    ToolOffer,
    ToolRequest,
)
from chatbot.model.refusals import read_refusal
from chatbot.model.thinking import ThoughtFilter

SAMPLES = Path(__file__).parents[1] / "samples" / "models"
SHAPES = [json.loads(line) for line in (SAMPLES / "responses.jsonl").read_text("utf-8").split("\n") if line]
TOOLS = (ToolOffer("calculate", "Calculates", {}), ToolOffer("tell_time", "Tells", {}))
STREAM = {"content-type": "text/event-stream"}


async def answer(
    status: int,
    headers: dict[str, str],
    body: bytes,
    *,
    tools: bool = False,
    must_answer: bool = False,
    step: int = 7,
    **settings: Any,
) -> str:
    """Return what the adapter makes of one response, in a word or two."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length"))
        await reader.readexactly(int(length.split(b":")[1]))
        lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in headers.items())]
        writer.write("\r\n".join([*lines, "transfer-encoding: chunked", "", ""]).encode())
        for begin in range(0, len(body), step):
            piece = body[begin : begin + step]
            writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    model = OpenAIModel(ModelSettings(base_url=f"http://127.0.0.1:{port}/v1", name="m", **settings))
    prompt = Prompt("Be brief.", "When?", tools=TOOLS if tools else (), must_answer=must_answer)
    text, calls, ending = "", [], Finished("stop")
    try:
        async for piece in model.answer(prompt):
            if isinstance(piece, Finished):
                ending = piece
            elif isinstance(piece, ToolRequest):
                calls.append(f"{piece.name}({piece.arguments})")
            elif isinstance(piece, str):
                text += piece
    except PromptTooLong:
        return "context"
    except AnswerFiltered:
        return "refused"
    except ModelBusy as busy:
        return f"busy:{dict(busy.headers)[b'retry-after'].decode()}"
    except ModelFailed as failure:
        return "unsupported" if "refuses a part" in failure.detail else "failure"
    finally:
        await model.close()
        server.close()
        await server.wait_closed()
    return f"tool:{';'.join(calls)}" if calls else text + ("" if ending.reason == "stop" else f"|{ending.reason}")


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape["name"])
def test_a_shape_that_an_endpoint_sends_is_read_as_meant(shape: dict) -> None:
    body = shape["body"].encode("utf-8", "surrogatepass")
    found = asyncio.run(answer(shape["status"], shape["headers"], body, tools=shape["name"].startswith("tool")))
    if shape["expected"] == "busy":
        assert found.startswith("busy:")
    else:
        assert found == shape["expected"]


FOUND = {
    "azure-async-filter-choice-without-delta.sse": "The answer is forty two.",
    "content-filter-stop.sse": "|content_filter",
    "empty-answer.sse": "failure",
    "finish-reason-length.sse": "The answer is forty two.|length",
    "no-done-marker.sse": "The answer is forty two.",
    "think-tags-in-content.sse": "The answer is forty two.",
    "tool-call-index-null.sse": 'tool:calculate({"expression": "2+3"})',
    "tool-call-without-index.sse": 'tool:calculate({"expression": "2+3"})',
    "usage-chunk-without-choices.sse": "The answer is forty two.",
}


@pytest.mark.parametrize("name", FOUND)
def test_a_reported_stream_is_read_as_meant(name: str) -> None:
    body = (SAMPLES / name).read_bytes()
    for step in (1, 7, len(body)):
        assert asyncio.run(answer(200, STREAM, body, tools=name.startswith("tool"), step=step)) == FOUND[name]


def test_a_document_in_the_place_of_a_stream_is_the_answer() -> None:
    body = (SAMPLES / "json-answer-to-stream-request.json").read_bytes()
    assert asyncio.run(answer(200, {"content-type": "application/json"}, body)) == "The answer is forty two."


@pytest.mark.parametrize(
    ("name", "status", "setting"),
    [("400-max-tokens-unsupported.json", 400, "MAX_TOKENS_FIELD"), ("422-stream-options-forbidden.json", 422, "STREAM_OPTIONS")],
)  # fmt: skip
def test_the_operator_is_told_which_setting_an_endpoint_needs(name: str, status: int, setting: str) -> None:
    refusal = read_refusal(status, {}, (SAMPLES / name).read_bytes())
    assert setting in refusal.advice
    assert setting not in str(refusal.problem.detail)


def test_a_busy_endpoint_s_time_is_passed_on_in_kind() -> None:
    refusal = read_refusal(429, {b"retry-after": b"7"}, b"{}")
    assert (refusal.problem.status, dict(refusal.problem.headers)[b"retry-after"]) == (429, b"7")
    assert read_refusal(503, {b"retry-after": b"-1"}, b"").problem.headers == ((b"retry-after", b"5"),)
    assert read_refusal(429, {b"retry-after": b"1e9"}, b"").problem.headers == ((b"retry-after", b"5"),)


def test_no_word_of_the_endpoint_reaches_the_caller() -> None:
    for status in (400, 401, 402, 403, 404, 413, 422, 429, 500, 503, 529, 599):
        problem = read_refusal(status, {}, b'{"error": {"message": "CANARY <b>tool</b>", "code": "CANARY"}}').problem
        assert "CANARY" not in f"{problem.title} {problem.detail}"


def test_settings_say_what_differs_between_endpoints() -> None:
    body = OpenAIModel(
        ModelSettings(
            base_url="http://127.0.0.1:1/v1",
            max_tokens_field="max_completion_tokens",
            sends_stream_options=False,
            instructions_role="user",
            extra_fields={"reasoning_effort": "low"},
            omitted_fields=("model",),
        )
    )._body(Prompt("Rules.", "When?", cache_salt="s"))
    assert body == {
        "messages": [{"role": "user", "content": "Rules.\n\nWhen?"}],
        "stream": True,
        "max_completion_tokens": 1024,
        "reasoning_effort": "low",
    }


@pytest.mark.parametrize(("field", "salt", "sent"), [("", "s", {}), ("cache_salt", "", {}), ("x", "s", {"x": "s"})])
def test_a_salt_is_sent_where_the_endpoint_takes_one(field: str, salt: str, sent: dict[str, str]) -> None:
    settings = {"base_url": "http://127.0.0.1:1/v1", "cache_salt_field": field, "extra_fields": {"x": "one for all"}}
    with_salt, plain = (
        OpenAIModel(ModelSettings(**given))._body(Prompt("Rules.", "When?", cache_salt=salt))
        for given in (settings, {"base_url": "http://127.0.0.1:1/v1"})
    )
    assert with_salt == plain | {"x": "one for all"} | sent


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
@pytest.mark.parametrize(
    ("text", "kept", "starts"),
    [
        ("<think>a</think>\n\nb", "b", False),
        ("  <think>a</think>b", "b", False),
        ("[THINK]a[/THINK] b", "b", False),
        ("b <think>c</think>", "b <think>c</think>", False),
        ("<thin air> b", "<thin air> b", False),
        ("<thi", "<thi", False),
        ("<think>never closed", "", False),
        ("a</think>b", "b", True),
        ("never closed", "", True),
    ],
)
def test_thoughts_are_kept_apart_wherever_they_are_cut(text: str, kept: str, starts: bool, size: int) -> None:
    thoughts = ThoughtFilter(starts_thinking=starts)
    found = "".join(thoughts.feed(text[begin : begin + size]) for begin in range(0, len(text), size))
    assert found + thoughts.finish() == kept


@pytest.mark.parametrize(("tools", "must_answer"), [(False, False), (True, True), (True, False)])
def test_a_tool_is_asked_for_only_where_one_is_offered(tools: bool, must_answer: bool) -> None:
    asked = {"index": 0, "id": "a", "function": {"name": "calculate", "arguments": "{}"}}
    call = b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"tool_calls": [asked]}}]}).encode() + b"\n\n"
    found = asyncio.run(answer(200, STREAM, call + b"data: [DONE]\n\n", tools=tools, must_answer=must_answer))
    assert found == ("tool:calculate({})" if tools and not must_answer else "failure")


def test_a_line_without_end_is_refused_while_it_arrives() -> None:
    reader = AnswerReader(ThoughtFilter())
    with pytest.raises(ModelFailed):
        for _ in range(32):
            reader.feed(b"x" * 64 * 1024)


def test_an_event_of_endless_lines_is_refused_while_it_arrives() -> None:
    reader = AnswerReader(ThoughtFilter())
    with pytest.raises(ModelFailed):
        for _ in range(200):
            reader.feed(b"data: [1,\n")


@pytest.mark.parametrize(("spaces", "expected"), [(3 * 1024 * 1024, "Well."), (5 * 1024 * 1024, "failure")])
def test_an_answer_in_one_document_has_a_largest_size(spaces: int, expected: str) -> None:
    body = b'{"choices": [{"message": {"content": "Well."}}]' + b" " * spaces + b"}"
    assert asyncio.run(answer(200, {"content-type": "application/json"}, body, step=65536)) == expected


def test_a_page_instead_of_an_answer_names_the_setting_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert asyncio.run(answer(200, {"content-type": "text/html"}, b"<h1>Welcome</h1>")) == "failure"
    assert "CHATBOT_MODEL__BASE_URL" in str([vars(record) for record in caplog.records])


def test_an_error_within_a_stream_is_told_in_kind() -> None:
    body = b'data: {"error": {"message": "overloaded", "code": 503}}\n\n'
    assert asyncio.run(answer(200, STREAM, body)) == "busy:5"


def test_a_refusal_within_a_stream_names_the_setting_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    body = b'data: {"error": {"message": "Unsupported parameter: stream_options", "code": 400}}\n\n'
    with caplog.at_level(logging.WARNING):
        assert asyncio.run(answer(200, STREAM, body)) == "unsupported"
    assert "CHATBOT_MODEL__SENDS_STREAM_OPTIONS=false" in str([vars(record) for record in caplog.records])


@pytest.mark.parametrize("step", [1, 2, 3, 5])
def test_a_line_s_end_may_come_in_halves(step: int) -> None:
    text = '{"choices": [{"index": 0,\r\ndata:  "delta": {"content": "Yes."}, "finish_reason": "stop"}]}'
    assert asyncio.run(answer(200, STREAM, f"data: {text}\r\n\r\n".encode(), step=step)) == "Yes."
