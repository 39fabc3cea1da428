"""The offline assistant: answers with the sentences of the passages that answer, cites them, or abstains.

It is honest rather than clever: it never writes a sentence of its own about the subject. Each sentence of
the retrieved passages is scored by how much of the question it covers, rarer words counting for more;
too little coverage means that the documents do not say.
"""

import asyncio
import math
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import lru_cache

from chatbot.core.untrusted import Untrusted
from chatbot.model.asking import choose_request, say_result
from chatbot.model.port import Finished, Piece, Prompt, ToolStep
from chatbot.model.tokens import count_prompt, estimate_tokens
from chatbot.model.words import content_stems, split_words

ABSTAINS = "I could not find an answer to that in your documents."
_BREAKS = re.compile(r"(?<=[.!?])\s+(?=[\"'“„«(\w])(?![a-zß-ÿ])|\n+|(?<=[。！？])")
_MARKS = re.compile(r"^\s*(?:[-*+]|>|#+)\s+")
# an item of a numbered list; it is asked for by its number
_NUMBERED = re.compile(r"^\d{1,4}(?:\.\d{1,4}){0,5}[.)]?\s")
_ITEM_WORDS = frozenset("step point item number".split())
# chosen on the tuning half of benchmarks/answers; the held-back half is reported
_ENOUGH = 0.45
_SECOND = 0.9
_HEADING_WEIGHT = 0.5
_LETTERS_ALIKE = 0.6
_LONGEST_RESULT = 500
_MOST_WORDS = 32  # of a question; more are no question


@dataclass(frozen=True, slots=True)
class _Sentence:
    text: str
    passage: int
    score: float


class OfflineAssistant:
    """A language model port that needs no model, for questions and documents of one language."""

    def __init__(self, language: str = "english") -> None:
        self._language = language

    async def answer(self, prompt: Prompt) -> AsyncIterator[Piece]:
        """Yield the extractive answer word by word, with `[n]` after each sentence taken from passage n.

        A question that all of it needs an offered tool yields a request instead, once in a turn.
        """
        if not prompt.steps and (request := choose_request(prompt.question, prompt.tools)) is not None:
            yield request
            return
        text = _answer_from(prompt.steps[-1], prompt, self._language) if prompt.steps else None
        if text is None:  # in a thread: it takes longer the more is asked
            text = await asyncio.to_thread(compose_answer, prompt.question, prompt.passages, self._language)
        ends = [place for mark in prompt.options.stop if (place := text.find(mark)) >= 0]
        words = re.findall(r"\s*\S+", text[: min(ends, default=len(text))])
        most = prompt.options.max_tokens or len(words)  # a word counts as a token
        for piece in words[:most]:
            yield piece
        reason = "length" if len(words) > most else "stop"
        yield Finished(reason, count_prompt(prompt), estimate_tokens("".join(words[:most])))

    async def close(self) -> None:
        """Nothing is held."""


def _answer_from(step: ToolStep, prompt: Prompt, language: str) -> str:
    """Return the answer after a tool call: what it returned, else what the documents say, else why there is nothing."""
    if not step.refused:
        return _as_text(say_result(step) or f"The tool returned: {step.result.text[:_LONGEST_RESULT]}")
    answer = compose_answer(prompt.question, prompt.passages, language)
    reason = " ".join(step.result.text.split())[:_LONGEST_RESULT]
    return answer if answer != ABSTAINS else f"The tool {step.request.name} gave no result. {_as_text(reason)}"


def compose_answer(question: str, passages: tuple[Untrusted, ...], language: str = "english") -> str:
    """Return the answer as Markdown, or `ABSTAINS`."""
    chosen = _choose(question, passages, language)
    if not chosen:
        return ABSTAINS
    return " ".join(f"{_as_text(sentence.text)} [{sentence.passage}]" for sentence in chosen)


def _choose(question: str, passages: tuple[Untrusted, ...], language: str) -> list[_Sentence]:
    wanted = list(dict.fromkeys(content_stems(question, language)))[:_MOST_WORDS]
    weights = _rarity(wanted, passages, language)
    total = sum(weights.values())
    if not total:
        return []
    found: dict[str, _Sentence] = {}
    for number, passage in enumerate(passages, start=1):
        heading = set(content_stems(passage.source, language))
        for text in split_sentences(passage.text):
            words = set(content_stems(text, language))
            if _NUMBERED.match(text):
                words |= _ITEM_WORDS
            score = sum(weight * _match(word, words, heading) for word, weight in weights.items()) / total
            key = " ".join(split_words(text))
            if key and (key not in found or found[key].score < score):
                found[key] = _Sentence(text, number, score)
    ranked = sorted(found.values(), key=lambda sentence: -sentence.score)
    if not ranked or ranked[0].score < _ENOUGH:
        return []
    return [sentence for sentence in ranked[:2] if sentence.score >= ranked[0].score * _SECOND]


def split_sentences(text: str) -> list[str]:
    """Return the sentences of a Markdown passage, list marks removed, headings and table rules left out."""
    found: list[str] = []
    for part in map(str.strip, _BREAKS.split(text)):
        if not part or part.startswith("#") or set(part) <= set("|-: "):
            continue
        # a list's number belongs to the sentence behind it
        number = f"{found.pop()} " if found and _NUMBERED.fullmatch(f"{found[-1]} ") else ""
        found.append(_MARKS.sub("", number + part))
    return found


def _rarity(wanted: list[str], passages: tuple[Untrusted, ...], language: str) -> dict[str, float]:
    vocabularies = [set(content_stems(f"{passage.source} {passage.text}", language)) for passage in passages]
    weights = {}
    for word in wanted:
        holding = sum(1 for words in vocabularies if word in words)
        weights[word] = math.log(1 + (len(vocabularies) + 1) / (holding + 0.5))
    return weights


def _match(word: str, sentence: set[str], heading: set[str]) -> float:
    if word in sentence:
        return 1.0
    near = max((_alike(word, other) for other in sentence), default=0.0)
    if near >= _LETTERS_ALIKE:
        return near
    return _HEADING_WEIGHT if word in heading else 0.0


def _alike(one: str, other: str) -> float:
    """Return how much of their letter pairs two stems share (Dice), 0 to 1: catches spelling mistakes."""
    if min(len(one), len(other)) < 4:
        return 0.0
    pairs, others = _letter_pairs(one), _letter_pairs(other)
    return 2 * len(pairs & others) / (len(pairs) + len(others))


@lru_cache(20_000)
def _letter_pairs(word: str) -> frozenset[str]:
    marked = f"^{word[:40]}$"
    return frozenset(marked[i : i + 2] for i in range(len(marked) - 1))


def _as_text(sentence: str) -> str:
    """Return a sentence so that Markdown shows it as written: it is a quotation, not markup of ours."""
    plain = re.sub(r"([\\`*_{}\[\]<>#|~!&])", r"\\\1", sentence.replace("**", "").replace("`", ""))
    return re.sub(r"^(\d+)([.)])", r"\1\\\2", plain)  # no list of ours
