"""What a call costs, however it ends and whatever its endpoint reports (api-cost)."""

import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest

from chatbot.chat.asking.metered import Metered
from chatbot.config.settings import ModelSettings
from chatbot.core.errors import Problem
from chatbot.core.untrusted import Untrusted
from chatbot.model.openai import OpenAIModel
from chatbot.model.port import AnswerOptions, Exchange, ModelFailed, Prompt, ToolOffer, ToolRequest, ToolStep
from chatbot.model.tokens import measure_prompt
from tests.conftest import free_port

PROMPT = Prompt(
    "Be brief.",
    "When does the office open on the first Monday of the month?",
    tools=(ToolOffer("clock", "Tells.", {}),),
)
SENT, BOUND = measure_prompt(PROMPT)
MOST = 1024
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"


class RecordedUsage:
    """A reservation without a limit that remembers what was noted."""

    def __init__(self) -> None:
        self.noted: list[tuple[int, int]] = []

    async def cover(self, prompt_tokens: int, answer_tokens: int) -> None:
        self.covered = (prompt_tokens, answer_tokens)

    def note(self, prompt_tokens: int, answer_tokens: int) -> None:
        self.noted.append((prompt_tokens, answer_tokens))


def event(delta: dict[str, Any], **more: Any) -> bytes:
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta}], **more}).encode() + b"\n\n"


async def pay_for(sent: bytes, *, ends: str = "", prompt: Prompt = PROMPT) -> list[tuple[int, int]]:
    """Return what is noted for a call whose endpoint sends so much, and then: closes, or the reader leaves or is stopped."""
    here, left = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(sent)
            await writer.drain()
            here.set()
            if ends:
                await left.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    model = OpenAIModel(ModelSettings(base_url=address, name="m", idle_seconds=1 if ends == "time-out" else 60))
    usage = RecordedUsage()
    pieces = Metered(model, usage, MOST).answer(prompt)

    async def read() -> None:
        async for _ in pieces:
            if ends == "closes":
                return

    reading = asyncio.ensure_future(read())
    await asyncio.wait_for(here.wait(), 10)
    if ends in ("cancelled", "closes"):
        for _ in range(20):  # let what was sent be read
            await asyncio.sleep(0.005)
        reading.cancel()
    with suppress(Problem, asyncio.CancelledError):
        await asyncio.wait_for(reading, 10)
    await pieces.aclose()  # type: ignore[attr-defined]  # a generator, typed as the iterator callers need
    left.set()
    await model.close()
    server.close()
    return usage.noted


THOUGHT, WORD = "Let me think. 思", "Nine. 九"
CALL = {"index": 0, "id": "c", "function": {"name": "clock", "arguments": '{"a": "bcd"}'}}
# what had come when a call ended early, and the bytes of it that the model has said
EARLY = {
    "nothing": (b"", 0),
    "a head": (HEAD, 0),
    "an event of nothing": (HEAD + event({"role": "assistant"}), 0),
    "thoughts": (HEAD + event({"reasoning_content": THOUGHT}), len(THOUGHT.encode())),
    "thoughts by another name": (HEAD + event({"reasoning": THOUGHT}), len(THOUGHT.encode())),
    "thoughts in the text": (HEAD + event({"content": f"<think>{THOUGHT}"}), len(f"<think>{THOUGHT}".encode())),
    "half a tool call": (HEAD + event({"tool_calls": [CALL]}), len("cclock") - 1 + len('{"a": "bcd"}')),
    "a word": (HEAD + event({"content": WORD}), len(WORD.encode())),
    "words after thoughts": (
        HEAD + event({"content": f"<think>{THOUGHT}</think>{WORD}"}),
        len(f"<think>{THOUGHT}</think>{WORD}".encode()),
    ),
}


@pytest.mark.parametrize("ends", ["", "time-out", "cancelled", "closes"])
@pytest.mark.parametrize("early", EARLY)
def test_a_call_that_ends_early_costs_what_was_sent_and_said_by_bytes(early: str, ends: str) -> None:
    sent, said = EARLY[early]
    ((asked, answered),) = asyncio.run(pay_for(sent, ends=ends))
    assert asked == BOUND >= SENT
    assert answered >= said


END = b'"delta": {}, "finish_reason": "stop"'
REPORTS: dict[str, tuple[Any, Any, int, int]] = {
    "true": (90, 20, 90, 20),
    "none": (None, None, BOUND, len(WORD) + 2),
    "nothing": (0, 0, BOUND, len(WORD) + 2),
    "too little": (SENT // 16 - 1, 0, BOUND, len(WORD) + 2),
    "just enough": (SENT // 16, 1, SENT // 16, 1),
    "the bound": (BOUND, MOST, BOUND, MOST),
    "more than there can be": (BOUND + 1, MOST + 1, BOUND, MOST),
    "without end": (999_999_999, 999_999_999, BOUND, MOST),
    "negative": (-5, -5, BOUND, len(WORD) + 2),
    "text": ("90", "20", BOUND, len(WORD) + 2),
    "a fraction": (90.5, 20.5, BOUND, len(WORD) + 2),
    "a truth": (True, True, BOUND, len(WORD) + 2),
}


@pytest.mark.parametrize("report", REPORTS)
def test_a_report_is_believed_as_far_as_it_can_be_true(report: str) -> None:
    prompt, answer, asked, answered = REPORTS[report]
    usage = {"prompt_tokens": prompt, "completion_tokens": answer}
    body = HEAD + event({"content": WORD}) + event({}, usage=usage).replace(b'"delta": {}', END) + b"data: [DONE]\n\n"
    assert asyncio.run(pay_for(body)) == [(asked, answered)]


def test_an_answer_longer_than_was_asked_for_costs_what_was_said() -> None:
    said = "九" * 2000  # the endpoint pays no heed to max_tokens
    body = HEAD + event({"content": said})
    for usage, answered in (({}, 6000), ({"usage": {"prompt_tokens": 90, "completion_tokens": 9000}}, 6000)):
        whole = body + event({}, **usage).replace(b'"delta": {}', END) + b"data: [DONE]\n\n"
        assert asyncio.run(pay_for(whole))[0][1] == answered


def test_an_answer_of_thoughts_alone_is_paid_for() -> None:
    thoughts = event({"reasoning_content": "Let me think."})
    end = event({}, usage={"prompt_tokens": 90, "completion_tokens": MOST}).replace(
        b'"delta": {}', b'"delta": {}, "finish_reason": "length"'
    )
    assert asyncio.run(pay_for(HEAD + thoughts + end + b"data: [DONE]\n\n")) == [(90, MOST)]


@pytest.mark.parametrize("status", [b"400 No", b"429 Wait", b"500 Fault", b"302 There"])
def test_a_call_that_is_refused_costs_nothing(status: bytes) -> None:
    assert asyncio.run(pay_for(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\n\r\n")) == []


@pytest.mark.parametrize(
    "said",
    [
        {"error": {"message": "overloaded", "code": 503}},
        {"error": {"message": "content_filter", "code": "content_filter"}},
    ],
)
def test_an_error_after_the_answer_began_is_paid_for(said: dict[str, Any]) -> None:
    ((asked, answered),) = asyncio.run(
        pay_for(HEAD + event({"content": WORD}) + b"data: " + json.dumps(said).encode() + b"\n\n")
    )
    assert (asked, answered) == (BOUND, len(WORD) + 2)


def test_an_endpoint_that_cannot_be_reached_costs_nothing() -> None:
    async def ask() -> list[tuple[int, int]]:
        model = OpenAIModel(ModelSettings(base_url=f"http://127.0.0.1:{free_port()}/v1", name="m"))
        usage = RecordedUsage()
        with pytest.raises(ModelFailed):
            async for _ in Metered(model, usage, MOST).answer(PROMPT):
                pass
        return usage.noted

    assert asyncio.run(ask()) == []


def test_the_bound_covers_everything_that_is_sent() -> None:
    """The reservation before the call is what a later round needs, too: tool calls, their results, everything."""
    text = "九" * 1000
    step = ToolStep(ToolRequest("c", "clock", text), Untrusted(text, "clock"))
    wholes = [
        Prompt(text, ""), Prompt("", text), Prompt("", "", history=(Exchange("user", text),)),
        Prompt("", "", history=(Untrusted(text, "s"),)), Prompt("", "", passages=(Untrusted(text, "s"),)), Prompt("", "", passages=(Untrusted("", text),)),
        Prompt("", "", tools=(ToolOffer("clock", text, {}),)), Prompt("", "", tools=(ToolOffer("clock", Untrusted(text, "s"), {}),)),
        Prompt("", "", tools=(ToolOffer("clock", "", {"description": text}),)), Prompt("", "", steps=(step,)),
    ]  # fmt: skip
    for prompt in wholes:
        sent, bound = measure_prompt(prompt)
        assert sent >= 3000 * (2 if prompt.steps else 1) and bound > sent


@pytest.mark.parametrize(("wanted", "covered"), [(None, MOST), (10, 10), (MOST + 1, MOST)])
def test_what_is_reserved_for_an_answer_is_what_it_may_have(wanted: int | None, covered: int) -> None:
    async def ask() -> tuple[int, int]:
        usage = RecordedUsage()
        model = OpenAIModel(ModelSettings(base_url=f"http://127.0.0.1:{free_port()}/v1", name="m"))
        with suppress(ModelFailed):
            await anext(Metered(model, usage, MOST).answer(Prompt("", "", options=AnswerOptions(max_tokens=wanted))))
        return usage.covered

    assert asyncio.run(ask())[1] == covered
