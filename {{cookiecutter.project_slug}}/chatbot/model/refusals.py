"""What an OpenAI-compatible endpoint means by refusing: each provider says it in words and statuses of its own.

The caller is told in kind: too long, busy and for how long, filtered. What only the operator can change is a failure
for the caller, and a line in the log that names the setting. No text of the endpoint reaches the caller.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from chatbot.core.errors import Problem
from chatbot.model.port import AnswerFiltered, ModelBusy, ModelFailed, PromptTooLong

_TOO_LONG = re.compile(
    r"context[_ ](?:length|window|size)|maximum context|too many (?:input )?tokens|reduce the length"
    r"|string_above_max_length"
    r"|(?:prompt|input|request|messages?) (?:is |are )?too (?:long|large)|n_ctx|input tokens? (?:count )?\(?\d"
    r"|exceed\w{0,3} (?:the )?(?:\w{1,20} ){0,4}(?:context|input|token)|`inputs` tokens"
    r"|maximum (?:allowed )?(?:number of )?(?:input )?tokens"
)
_FILTERED = re.compile(r"content[_ ]filter|content management policy|responsibleaipolicy|safety (?:system|policy)")
_LINK = re.compile(r"https?://\S{1,500}")
_QUOTA = re.compile(r"insufficient[_ ](?:quota|balance|credit)|exceeded your current quota|out of credits")
_TOOLS = re.compile(r"tool|function call")
_ROLE = re.compile(r"\brole|system message|developer|alternate|content.{0,40}(?:null|none|string)")
_PARAMETERS = (
    "max_completion_tokens", "max_tokens", "stream_options", "temperature", "top_p", "frequency_penalty",
    "presence_penalty", "seed", "stop", "stream",
)  # fmt: skip
_NAMED = {name: re.compile(rf"\b{name}\b") for name in _PARAMETERS}
_SETTINGS = {
    "max_tokens": "CHATBOT_MODEL__MAX_TOKENS_FIELD=max_completion_tokens",
    "max_completion_tokens": "CHATBOT_MODEL__MAX_TOKENS_FIELD=max_tokens",
    "stream_options": "CHATBOT_MODEL__SENDS_STREAM_OPTIONS=false",
    "tools": "CHATBOT_MODEL__USES_TOOLS=false",
    "role": "CHATBOT_MODEL__INSTRUCTIONS_ROLE=user",
}
_KEY = ("refuses its key", "put its key into the secret file model_key")
_BY_STATUS = {401: _KEY, 403: _KEY, 404: ("does not have this model", "check CHATBOT_MODEL__NAME and __BASE_URL")}
_BUSY = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
_MIN_WAIT, _MAX_WAIT, _WAIT = 1, 600, 5


@dataclass(frozen=True, slots=True)
class Refusal:
    """An endpoint's refusal: what to tell the caller, why in a word, and what an operator can do."""

    problem: Problem
    cause: str
    advice: str = ""


class EndpointRefused(Exception):
    """The endpoint refused a request, with an HTTP status or in the place of an answer. No text of its own is in it."""

    def __init__(self, status: int, refusal: Refusal) -> None:
        super().__init__(refusal.cause)
        self.status = status
        self.refusal = refusal


def read_refusal(status: int, headers: Mapping[bytes, bytes], body: bytes) -> Refusal:
    """Return what a response other than an answer means."""
    words, param = _words(body)
    words = _LINK.sub("", words)  # a page about billing is no bill
    if status == 402 or _QUOTA.search(words):
        return Refusal(_failure("has no credit left"), f"quota ({status})", "look at the provider's account")
    if status != 429 and (_TOO_LONG.search(words) or (status == 413 and not words)):
        return Refusal(PromptTooLong(), "prompt too long")
    if status != 429 and _FILTERED.search(words):
        return Refusal(AnswerFiltered(), "filtered")
    named = _named(words, param) if status in (400, 404, 422, 500) else ""
    if named:
        advice = _SETTINGS.get(named, f"CHATBOT_MODEL__OMITTED_FIELDS='[\"{named}\"]'")
        return Refusal(_failure("refuses a part of the request"), f"unsupported: {named}", advice)
    if status in _BUSY:
        return Refusal(ModelBusy(_wait(headers), status=429 if status == 429 else 503), f"busy ({status})")
    what, advice = _BY_STATUS.get(status, ("does not answer as expected", "check CHATBOT_MODEL__BASE_URL"))
    return Refusal(_failure(what), f"status {status}", advice)


def _failure(what: str) -> ModelFailed:
    return ModelFailed(f"The model's endpoint {what}. An administrator has to look at its settings.")


def _words(body: bytes) -> tuple[str, str]:
    """Return everything that a refusal says, in lower case, and the parameter that it names."""
    try:
        told: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ("", "") if b"<" in body[:200] else (body[:2000].decode("utf-8", "replace").lower(), "")
    error = told.get("error", told) if isinstance(told, dict) else told
    param = error.get("param") if isinstance(error, dict) else None
    found: list[str] = []
    _collect(error, found, 0)
    return " ".join(found).lower()[:4000], param if isinstance(param, str) else ""


def _collect(value: Any, found: list[str], depth: int) -> None:
    if isinstance(value, str):
        found.append(value[:2000])
    elif isinstance(value, dict | list) and depth < 6:
        for inner in list(value.values() if isinstance(value, dict) else value)[:50]:
            _collect(inner, found, depth + 1)


def _named(words: str, param: str) -> str:
    """Return which part of a request is refused: a field, `tools` or `role`; nothing where none is named."""
    if param in _PARAMETERS:
        return param
    if _TOOLS.search(words):
        return "tools"
    places = {name: found.start() for name, pattern in _NAMED.items() if (found := pattern.search(words))}
    if places:
        return min(places, key=lambda name: places[name])
    return "role" if _ROLE.search(words) else ""


def _wait(headers: Mapping[bytes, bytes]) -> int:
    """Return how many seconds to wait, as the endpoint says it, within bounds (RFC 9110, section 10.2.3)."""
    milliseconds = headers.get(b"retry-after-ms", b"").decode("latin-1")
    after = headers.get(b"retry-after", b"").decode("latin-1").strip()
    try:
        if milliseconds:
            seconds = float(milliseconds) / 1000
        elif after[:1].isdigit() or after[:1] in "+-.":
            seconds = float(after)
        else:
            seconds = (parsedate_to_datetime(after) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return _WAIT
    return math.ceil(seconds) if 0 < seconds <= _MAX_WAIT else _WAIT
