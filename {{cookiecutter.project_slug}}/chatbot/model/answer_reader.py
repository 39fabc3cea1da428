"""Reads a streamed answer of an OpenAI-compatible endpoint: liberal in what it takes, exact about how it ended.

Endpoints differ in everything but the text: events without choices or delta, ends without a mark, tool calls without an
index, thoughts in the text, errors within a stream that began well. What carries neither text nor a tool call is passed
over. What looks like an answer but lacks one is a failure.
"""

import json
import logging
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from chatbot.core.unique_keys import RepeatedKey, check_keys
from chatbot.model.port import Finished, ModelFailed
from chatbot.model.refusals import EndpointRefused, read_refusal
from chatbot.model.thinking import ThoughtFilter
from chatbot.model.tokens import count_bytes
from chatbot.model.tool_calls import RequestCollector

_log = logging.getLogger("chatbot.model")
_MAX_LINE, _MAX_PENDING_LINES = 1024 * 1024, 100
_MAX_TOKENS = 10**9
_BAD_FORM = "The model's answer is not in the expected form."
_MARK = b"\xef\xbb\xbf"
# how endpoints say why an answer ended; every other word means that the model had said everything
_LENGTH = frozenset({"length", "max_tokens", "model_length", "max_length"})
_FILTERED = frozenset({"content_filter", "safety", "recitation", "blocklist", "prohibited_content", "spii", "refusal"})
# the names under which endpoints send parts of an answer, and errors; what has another name is no part of it
_EVENTS = frozenset({b"", b"message", b"data", b"chunk", b"delta", b"completion", b"chat.completion.chunk", b"error"})
_FAILED = frozenset(
    {"error", "abort", "aborted", "cancelled", "insufficient_system_resource", "malformed_function_call"}
)


@dataclass(slots=True)
class AnswerReader:
    """One answer. `finished` says that its last word is certain."""

    thoughts: ThoughtFilter
    calls: RequestCollector = field(default_factory=RequestCollector)
    finished: bool = False
    has_text: bool = False
    _said: int = 0
    _has_thought: bool = False
    _pending_lines: int = 0
    _reason: str = ""
    _usage: dict[str, Any] = field(default_factory=dict)
    _rest: bytes = b""
    _pending: bytes = b""
    _event: bytes = b""  # the name of the event that is being read
    _has_unknown: bool = False

    @property
    def is_answer(self) -> bool:
        """Say whether a part of an answer came: text, thoughts, a request for a tool, or why it ended."""
        return self.has_text or bool(self._reason) or self._has_thought or not self.calls.is_empty

    def feed(self, piece: bytes) -> str:
        """Take what arrived, and return the text in it. Raises a `Problem` or `EndpointRefused`."""
        if self._rest.endswith(b"\r"):  # the other half of a line's end may come now
            self._rest, piece = self._rest[:-1], b"\r" + piece
        if piece.endswith(b"\r"):
            return self._feed(piece[:-1]) + self._hold()
        return self._feed(piece)

    def _hold(self) -> str:
        self._rest += b"\r"
        return ""

    def _feed(self, piece: bytes) -> str:
        if b"\r" in piece:
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) + len(self._pending) > _MAX_LINE:
            raise ModelFailed(_BAD_FORM)
        return "".join([self._take_line(line) for line in lines]) if lines else ""

    def end(self) -> str:
        """Return the last of the text, when nothing more comes. Raises a `Problem`."""
        text = self._take_line(self._rest.rstrip(b"\r")) + self._take_line(b"")
        if not self.finished and not self._reason:
            raise ModelFailed("The model's answer broke off.")
        held = self.thoughts.finish()
        self.has_text = self.has_text or bool(held.strip())
        return text + held

    def take_whole(self, body: bytes) -> str:
        """Take an answer that came as one document, though a stream was asked for. Raises a `Problem`."""
        event = _load(body.strip())
        if not isinstance(event, dict):
            raise ModelFailed(_BAD_FORM)
        text = self._take_event(event)
        self.finished = True
        return text + self.thoughts.finish()

    def used(self) -> Finished:
        """Return the tokens that the endpoint says it used."""
        return Finished("stop", *(_count(self._usage.get(name)) for name in ("prompt_tokens", "completion_tokens")))

    def take_said(self) -> int:
        """Return how many bytes the model has said since the last call: text, thoughts and requests for tools."""
        found, self._said = self._said, 0
        return found

    def ending(self) -> Finished:
        """Return how the answer ended. Raises `ModelFailed` when it is no whole answer."""
        reason = self._reason.lower()
        if reason in _FAILED:
            raise ModelFailed("The model stopped because of an error.")
        found = "length" if reason in _LENGTH else "content_filter" if reason in _FILTERED else "stop"
        if self.calls.is_empty and not self.has_text and found != "content_filter":
            raise ModelFailed(
                "The model used up its answer's length before it said anything. Ask for less."
                if found == "length"
                else "The model gave an empty answer. Try again, or ask in other words."
            )
        if found == "length" and not self.calls.is_empty:
            raise ModelFailed("The model's request for a tool was cut off.")
        return replace(self.used(), reason=found)

    def _take_line(self, line: bytes) -> str:
        if not line.startswith(b"data:"):
            line = line.removeprefix(_MARK)
        if line.startswith(b"data:"):
            return self._take_data(line[5:].strip())
        if line.startswith(b"event:"):
            self._event = line[6:].strip()
        elif not line.strip():
            self._event = b""
            if self._pending:
                raise ModelFailed(_BAD_FORM)  # the event is over, and its data were no JSON
        return ""

    def _take_data(self, data: bytes) -> str:
        if self.finished or not data or data.startswith(b":"):
            return ""
        if data[:1] != b"{" and data.lower() in (b"[done]", b'"[done]"'):
            self.finished = True
            return ""
        if self._event not in _EVENTS:
            self._note_unknown()
            return ""
        event = _load(self._pending + data, whole=False)
        if event is _INCOMPLETE:  # an event's data may stand on several lines, each of which is read once more
            self._pending += data + b"\n"
            self._pending_lines += 1
            if self._pending_lines > _MAX_PENDING_LINES:
                raise ModelFailed(_BAD_FORM)
            return ""
        self._pending, self._pending_lines = b"", 0
        if event is None:
            return ""
        if not isinstance(event, dict):
            raise ModelFailed(_BAD_FORM)
        return self._take_event(event)

    def _note_unknown(self) -> None:
        if not self._has_unknown:  # once in an answer
            self._has_unknown = True
            name = self._event[:40].decode("utf-8", "replace")
            _log.warning("the model's endpoint sent an event that means nothing here", extra={"event_name": name})

    def _take_event(self, event: dict[str, Any]) -> str:
        if "usage" in event or "x_groq" in event:
            self._take_usage(event)
        choices = event.get("choices")
        failed = self._event == b"error" or event.get("error") or event.get("object") == "error"
        if failed or (not choices and "detail" in event):
            status = _status_of(event)
            raise EndpointRefused(status, read_refusal(status, {}, orjson.dumps(event, default=str)))
        text = ""
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict) and choice.get("index", 0) in (0, None):
                text += self._take_choice(choice)
        return text

    def _take_usage(self, event: dict[str, Any]) -> None:
        groq = event.get("x_groq")
        usage = event.get("usage") or (groq.get("usage") if isinstance(groq, dict) else None)
        if isinstance(usage, dict):
            self._usage |= {name: value for name, value in usage.items() if value is not None}

    def _take_calls(self, delta: dict[str, Any]) -> None:
        asked = self.calls.size
        if calls := delta.get("tool_calls"):
            self.calls.add(calls)
        if isinstance(call := delta.get("function_call"), dict):  # before there were several tools
            self.calls.add([{"index": 0, "function": call}])
        self._said += self.calls.size - asked

    def _take_choice(self, choice: dict[str, Any]) -> str:
        delta = choice.get("delta") or choice.get("message") or {}
        reason = choice.get("finish_reason") or choice.get("finishReason")
        if isinstance(reason, str):
            self._reason = reason
        if not isinstance(delta, dict):
            raise ModelFailed(_BAD_FORM)
        if "tool_calls" in delta or "function_call" in delta:
            self._take_calls(delta)
        for name in ("reasoning_content", "reasoning"):
            if isinstance(thought := delta.get(name), str):
                self._said += count_bytes(thought)
                self._has_thought = self._has_thought or bool(thought)
        content = _text(delta.get("content") or "")
        self._said += count_bytes(content)
        said = self.thoughts.feed(content) if content else ""
        if isinstance(refusal := delta.get("refusal"), str):
            said += refusal
        self.has_text = self.has_text or bool(said.strip())
        return said


_INCOMPLETE = object()


def _status_of(event: dict[str, Any]) -> int:
    """Return the status that an error within a stream has, as far as it says one."""
    error = event.get("error")
    for told in (error, event):
        for name in ("status", "code"):
            code = told.get(name) if isinstance(told, dict) else None
            if type(code) is int and 400 <= code < 600:
                return code
    return 400


def _load(data: bytes, *, whole: bool = True) -> Any:
    try:
        event = orjson.loads(data)
        if b"_call" in data or b"\\u00" in data:  # what a tool is asked must read in one way
            check_keys(data)
        return event
    except (RepeatedKey, RecursionError):
        raise ModelFailed(_BAD_FORM) from None
    except orjson.JSONDecodeError:
        pass
    try:  # half of a character, written as an escape
        plain = json.dumps(json.loads(data), ensure_ascii=False)
        return orjson.loads(plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    except (ValueError, RecursionError):
        if whole:
            raise ModelFailed(_BAD_FORM) from None
        return _INCOMPLETE


def _text(content: Any) -> str:
    """Return a content's text: it may come in parts, of which some are thoughts or references."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise ModelFailed(_BAD_FORM)
    parts = [part for part in content if isinstance(part, dict) and part.get("type", "text") in ("text", "output_text")]
    return "".join(str(part.get("text") or "") for part in parts) + "".join(p for p in content if isinstance(p, str))


def _count(number: object) -> int | None:
    """Return a number of tokens; one that is no sensible number is as good as none."""
    return number if type(number) is int and 0 <= number < _MAX_TOKENS else None
