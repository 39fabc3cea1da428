"""Words as the offline parts see them: lower case, without accents, without the commonest ones, stemmed."""

import json
import re
import threading
import unicodedata
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path

import snowballstemmer

from chatbot.core.folding import normalize

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
# Chinese and Japanese: nothing parts their words, so pairs of neighbouring letters stand for them
_UNPARTED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]+")
_UNSTEMMED = "simple"


def split_words(text: str) -> list[str]:
    """Return the words of `text` in order, lower case, without accents."""
    plain = normalize("NFKD", text.casefold())
    words: list[str] = _WORD.findall("".join(c for c in plain if not unicodedata.combining(c)))
    if _UNPARTED.search(plain):
        words = [part for word in words for part in _part(word)]
    return words


def _part(word: str) -> list[str]:
    parts: list[str] = []
    end = 0
    for run in _UNPARTED.finditer(word):
        pairs = [one + other for one, other in pairwise(run[0])]
        parts += [word[end : run.start()], *(pairs or [run[0]])]
        end = run.end()
    return [part for part in [*parts, word[end:]] if part]


@lru_cache(50_000)
def stem(word: str, language: str = "english") -> str:
    """Return the stem of a word, as PostgreSQL's text-search configuration of the same name does."""
    return word if language == _UNSTEMMED else str(_STEMMERS.of(language).stemWord(word))


def content_stems(text: str, language: str = "english") -> list[str]:
    """Return the stems of the words that carry meaning, in order."""
    stopwords = _stopwords(language)
    return [stem(word, language) for word in split_words(text) if word.split("'")[0] not in stopwords]


class _Stemmers(threading.local):
    """Each thread's own: a stemmer keeps the word that it works on in itself."""

    def __init__(self) -> None:
        self.of = cache(snowballstemmer.stemmer)


_STEMMERS = _Stemmers()


@cache
def _stopwords(language: str) -> frozenset[str]:
    """Return the commonest words of a language, without accents; none where they are not known."""
    lists: dict[str, str] = json.loads(Path(__file__).with_name("stopwords.json").read_text(encoding="utf-8"))
    return frozenset(split_words(lists.get(language, "")))
