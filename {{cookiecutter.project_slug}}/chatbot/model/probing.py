"""Finds out which settings a model's endpoint takes: tiny requests, through the same client as every answer.

The present settings come first. Where they are refused, it looks for the barest request that is taken, and adds each
part alone, in its present form and then in its others. A refusal's words do not decide: each provider has its own. At
last it asks for everything together. No text of the endpoint is kept, except for plain names of models.
"""

import re
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, fields, replace

from chatbot.config.settings import ModelSettings
from chatbot.core.errors import Problem
from chatbot.core.untrusted import Untrusted
from chatbot.model.answer_reader import AnswerReader
from chatbot.model.openai import OpenAIModel
from chatbot.model.port import AnswerOptions, ModelFailed, Prompt, ToolOffer, ToolRequest, ToolStep, Unseen
from chatbot.model.refusals import EndpointRefused, Refusal
from chatbot.model.request_forms import list_barest, list_forms, omit, other_limit, write_value
from chatbot.model.thinking import ThoughtFilter
from chatbot.model.tokens import tokens_of_bytes
from chatbot.outbound.connection import UpstreamFailed

_FEW_TOKENS, _ENOUGH_TOKENS = 8, 256  # the second leaves room for a model's thoughts
# characters of an answer after which its connection is closed: a few say that a request is taken
_FIRST, _MAX_CHARACTERS = 1, 2000
# for one answer of a slow machine; what came until the second is judged
_MAX_SECONDS, _ENOUGH_SECONDS = 120.0, 20.0
# what shows that an answer went on beyond its limit: endpoints count a few tokens more or less
_KEPT_TOKENS, _KEPT_CHARACTERS = _FEW_TOKENS * 4, _FEW_TOKENS * 12
_PLAIN_NAME = re.compile(r"[A-Za-z0-9._:/@+-]{1,200}")  # one that can be shown, and pasted into a shell

_ASK = Prompt("Be brief.", "Answer with the word: ready", options=AnswerOptions(max_tokens=_ENOUGH_TOKENS))
_COUNT = Prompt("Be brief.", "Write the numbers from one to forty in words.", options=AnswerOptions(_FEW_TOKENS))
_TOOL = ToolOffer("tell_time", "Tells the time.", {"type": "object", "properties": {"zone": {"type": "string"}}})
_OFFER = replace(_ASK, tools=(_TOOL,))
_STEP = ToolStep(ToolRequest("call_1", _TOOL.name, '{"zone": "UTC"}'), Untrusted("12:00", source="tell_time"))
_RESULT = replace(_OFFER, steps=(_STEP,), must_answer=True)
# what a program may ask for: each by a value that no endpoint's limits exclude
_TUNING = AnswerOptions(
    _ENOUGH_TOKENS, temperature=0.5, top_p=0.9, stop=("\n\n\n\n",), seed=1, presence_penalty=0.1, frequency_penalty=0.1
)
_TUNED = {
    name.name: AnswerOptions(_ENOUGH_TOKENS, **{name.name: getattr(_TUNING, name.name)})
    for name in fields(AnswerOptions)
    if name.name != "max_tokens"
}
# of these statuses no form of a request changes anything
_FINAL = frozenset({401, 402, 403, 408, 425, 429, 502, 503, 504, 520, 521, 522, 523, 524, 529})


class CannotProbe(Exception):
    """The endpoint could not be asked, or takes no form of a request. The text is one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One part of a request, and what the endpoint does with it."""

    part: str
    found: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What is told of an answer, never its text. `is_whole` says that the model had said everything."""

    is_whole: bool
    is_counted: bool
    is_short: bool
    ends_thought: bool


class Probe:
    """One look at one endpoint. `found` are the settings that work, as far as is known."""

    def __init__(self, settings: ModelSettings) -> None:
        self.present = settings.model_copy(update={"omitted_fields": tuple(sorted(set(settings.omitted_fields)))})
        self.found = self.present
        self.findings: list[Finding] = []

    @property
    def lines(self) -> list[str]:
        """Return the line to set for each setting that differs."""
        changed = [
            name for name in ModelSettings.model_fields if getattr(self.found, name) != getattr(self.present, name)
        ]
        return [f"CHATBOT_MODEL__{name.upper()}={write_value(getattr(self.found, name))}" for name in changed]

    async def run(self) -> None:
        """Find the settings that work, and say what each part does. Raises `CannotProbe`."""
        listed = await self._list_models()
        reply = await _try(self.present, _ASK, _MAX_CHARACTERS)
        if reply is None:
            reply = await self._rebuild(listed)
        else:
            self.findings += [Finding(part, f"{forms[0][0]}: taken") for part, forms in list_forms(self.present)]
        self._judge_thoughts(reply)
        counted = await self._keep_limit() or reply.is_counted
        self._note("usage", "counted by the endpoint" if counted else "no count came: it is estimated")
        await self._tune()
        await self._offer_tools()
        if self.found != self.present and await _try(self.found, self._everything()) is None:
            raise CannotProbe("The endpoint takes each part of a request alone, and refuses them together.")

    def _note(self, part: str, found: str) -> None:
        self.findings.append(Finding(part, found))

    async def _list_models(self) -> list[str]:
        """Return the names of the endpoint's models; not every endpoint lists them."""
        try:
            async with _opened(self.present) as model:
                listed = await model.list_models()
        except EndpointRefused as refused:
            self._note("models", f"not listed (status {refused.status})")
            return []
        except UpstreamFailed as failed:
            if failed.__cause__ is not None:  # no connection: no other request would have one
                raise CannotProbe(_broken(failed)) from None
            self._note("models", f"not listed ({failed})")
            return []
        told = "the present one among them" if self.present.name in listed else "the present one is not among them"
        self._note("models", f"{len(listed)} listed, {told}")
        return [name for name in listed if _PLAIN_NAME.fullmatch(name)]

    async def _rebuild(self, listed: list[str]) -> Reply:
        """Find the barest request that is taken, and add each part to it. Returns an answer."""
        self.found, reply = await _findlist_barest(self.present, listed)
        for name in ("base_url", "name"):
            if (value := getattr(self.found, name)) != getattr(self.present, name):
                self._note(name, f"the present one: refused; {value}: taken")
        for part, forms in list_forms(self.present):
            for number, (told, change) in enumerate(forms):
                changed = change(self.found)
                # the last form is the barest request's own
                if changed == self.found or await _try(changed, _ASK) is not None:
                    before = f"{', '.join(form for form, _ in forms[:number])}: refused; " if number else ""
                    self._note(part, f"{before}{told}: taken")
                    self.found = changed
                    break
        return await _try(self.found, _ASK, _MAX_CHARACTERS) or reply

    def _judge_thoughts(self, reply: Reply) -> None:
        """Decide whether the text began with thoughts: a closing mark says so, its lack in a whole text denies it."""
        starts = reply.ends_thought if reply.is_whole or reply.ends_thought else self.present.starts_thinking
        self._note("starts_thinking", "thoughts without an opening mark" if starts else "no unmarked thoughts")
        self.found = self.found.model_copy(update={"starts_thinking": starts})

    async def _keep_limit(self) -> bool:
        """See that an answer ends at its limit: an endpoint may pass over a field that it does not know.

        Returns whether the tokens of that answer, which is the first that certainly ends, were counted.
        """
        if self.found.max_tokens_field in self.found.omitted_fields:
            self._note("limit", "not sent")
            return False
        present = await _try(self.found, _COUNT, _KEPT_CHARACTERS + 1)
        if present is None or present.is_short:  # some refuse an answer that would not be whole at its limit
            self._note("limit", f"{self.found.max_tokens_field}: kept")
            return present is not None and present.is_counted
        other = self.found.model_copy(update={"max_tokens_field": other_limit(self.found)})
        reply = await _try(other, _COUNT, _KEPT_CHARACTERS + 1)
        if reply is not None and reply.is_short:
            self._note("limit", f"{self.found.max_tokens_field}: not kept; {other.max_tokens_field}: kept")
            self.found = other
            return reply.is_counted
        self._note("limit", "kept in no form: answers may be longer than CHATBOT_MODEL__MAX_ANSWER_TOKENS")
        return False

    async def _tune(self) -> None:
        wanted = [name for name in _TUNED if name not in self.found.omitted_fields]
        if await _try(self.found, replace(_ASK, options=_TUNING)) is not None:
            self._note("sampling", f"{', '.join(wanted) or 'nothing'}: taken")
            return
        for name in wanted:
            taken = await _try(self.found, replace(_ASK, options=_TUNED[name])) is not None
            self._note(name, "taken" if taken else "refused")
            self.found = self.found if taken else omit(name)(self.found)

    async def _offer_tools(self) -> None:
        if not self.present.uses_tools:
            self._note("uses_tools", "off: not asked")
            return
        for prompt, told in ((_OFFER, "an offered tool"), (_RESULT, "a tool's result")):
            if await _try(self.found, prompt) is None:
                self._note("uses_tools", f"{told}: refused")
                self.found = self.found.model_copy(update={"uses_tools": False})
                return
        self._note("uses_tools", "an offered tool and its result: taken")

    def _everything(self) -> Prompt:
        return replace(_ASK, options=_TUNING, tools=(_TOOL,) if self.found.uses_tools else ())


async def _findlist_barest(present: ModelSettings, listed: list[str]) -> tuple[ModelSettings, Reply]:
    first = ""
    for settings in list_barest(present, listed):
        try:
            return settings, await _ask(settings, _ASK)
        except EndpointRefused as refused:
            first = first or _sentence(refused)
    others = f" It lists these models: {', '.join(listed[:5])}." if listed and present.name not in listed else ""
    raise CannotProbe(f"{first}{others}")


async def _try(settings: ModelSettings, prompt: Prompt, characters: int = _FIRST) -> Reply | None:
    """Return what is told of the answer, or None for a refusal that another form may avoid."""
    try:
        return await _ask(settings, prompt, characters)
    except EndpointRefused:
        return None


async def _ask(settings: ModelSettings, prompt: Prompt, most: int = _FIRST) -> Reply:
    """Return what is told of an answer's first characters.

    Raises `EndpointRefused`, and `CannotProbe` where no other form would help.
    """
    reader, begun = AnswerReader(ThoughtFilter()), 0.0  # when its first word came
    characters, unseen, tail, ends_thought, is_whole = 0, 0, "", False, False
    try:
        async with _opened(settings) as model, aclosing(model.parts(prompt, reader)) as parts:
            async for part in parts:
                text = part if isinstance(part, str) else ""
                unseen += part.size if isinstance(part, Unseen) else 0
                begun = begun or (time.monotonic() if text or unseen else 0.0)
                characters += len(text)
                ends_thought = ends_thought or "</think>" in tail + text
                tail = (tail + text)[-len("</think>") :]
                if characters >= most or (begun and time.monotonic() - begun > _ENOUGH_SECONDS):
                    break
            else:
                is_whole = reader.ending().reason == "stop"
    except EndpointRefused as refused:
        if refused.status in _FINAL or refused.refusal.cause.startswith("quota"):
            raise CannotProbe(_sentence(refused)) from None
        raise
    except UpstreamFailed as failed:
        raise CannotProbe(_broken(failed)) from None
    except Problem:
        if not reader.is_answer:
            raise EndpointRefused(200, _NO_ANSWER) from None
    used = reader.used()
    tokens = used.answer_tokens if used.answer_tokens is not None else tokens_of_bytes(unseen)  # thoughts alone, too
    is_short = characters <= _KEPT_CHARACTERS and tokens <= _KEPT_TOKENS
    return Reply(is_whole, used.prompt_tokens is not None, is_short, ends_thought)


@asynccontextmanager
async def _opened(settings: ModelSettings) -> AsyncIterator[OpenAIModel]:
    model = OpenAIModel(settings.model_copy(update={"total_seconds": min(settings.total_seconds, _MAX_SECONDS)}))
    try:
        yield model
    finally:
        await model.close()


def _sentence(refused: EndpointRefused) -> str:
    refusal = refused.refusal
    if refusal.cause.startswith("busy"):
        return f"The endpoint is busy or fails (status {refused.status}): ask again later."
    what, _, _ = refusal.problem.detail.partition(". ")
    if not isinstance(refusal.problem, ModelFailed):
        what = f"The endpoint refuses the smallest request as {refusal.cause}"
    return f"{what}: {refusal.advice}." if refusal.advice else f"{what}."


def _broken(failed: UpstreamFailed) -> str:
    return f"The endpoint cannot be asked: {failed}."


_NO_ANSWER = Refusal(
    ModelFailed("The endpoint's answer is in no known form."), "no answer", "check CHATBOT_MODEL__BASE_URL"
)
