"""Events of a stream that have a name: parts of an answer and errors are taken, whatever else comes is dropped."""

import json
import logging

import pytest

from chatbot.model.answer_reader import AnswerReader
from chatbot.model.refusals import EndpointRefused
from chatbot.model.thinking import ThoughtFilter


def event(name: str | None, text: str) -> bytes:
    data = json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]})
    return (f"event: {name}\n" if name is not None else "").encode() + f"data: {data}\n\n".encode()


@pytest.mark.parametrize("name", [None, "", "message", "data", "chunk", "delta", "completion", "chat.completion.chunk"])
def test_a_part_of_an_answer_may_have_a_name(name: str | None, caplog: pytest.LogCaptureFixture) -> None:
    assert AnswerReader(ThoughtFilter()).feed(event(name, "Well.")) == "Well."
    assert not caplog.records


@pytest.mark.parametrize("name", ["ping", "system", "tool", "Message", "thread.message.delta", "x" * 5000, "\x1b[31m"])
def test_what_has_another_name_is_dropped_and_logged_once(name: str, caplog: pytest.LogCaptureFixture) -> None:
    reader = AnswerReader(ThoughtFilter())
    with caplog.at_level(logging.WARNING):
        said = reader.feed(event(name, "Canary.") + event(name, "Canary.") + event(None, "Well."))
    assert (said, reader.take_said()) == ("Well.", len("Well."))
    (record,) = caplog.records
    assert vars(record)["event_name"] == name[:40]
    assert "Canary" not in str(vars(record))


@pytest.mark.parametrize("name", [None, "done", "end", "message"])
def test_the_end_is_the_end_under_any_name(name: str | None) -> None:
    reader = AnswerReader(ThoughtFilter())
    reader.feed(event(None, "Well.") + (f"event: {name}\n" if name else "").encode() + b"data: [DONE]\n\n")
    assert reader.finished


def test_an_error_s_name_makes_any_data_an_error() -> None:
    with pytest.raises(EndpointRefused):
        AnswerReader(ThoughtFilter()).feed(event("error", "Well."))


def test_marks_without_end_before_a_line_are_passed_over() -> None:
    reader = AnswerReader(ThoughtFilter())
    assert reader.feed(b"\xef\xbb\xbf" * 300_000 + b"data: {}\n") == ""
    assert reader.feed(b"\xef\xbb\xbf" + event(None, "Hello.")) == "Hello."
