"""Words as the offline parts see them: lower case, without accents, without the commonest ones, stemmed."""

import re
import unicodedata
from functools import lru_cache

import snowballstemmer

_STEMMER = snowballstemmer.stemmer("english")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
STOPWORDS = frozenset(
    """
    a about after all also am an and any are as at be because been before being between both but by can could did do
    does doing done each every for from get gets give given go got had has have having he her here hers him his how i
    if in into is it its itself just let like made make many may me might mine more most much must my need needs no
    nor not of off on one only or other our ours out over own per please s same shall she should so some such t tell
    than that the their theirs them then there these they this those through to too under until up upon us very was
    we were what when where which while who whom whose why will with within without would yes yet you your yours
    """.split()
)


def split_words(text: str) -> list[str]:
    """Return the words of `text` in order, lower case, without accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return _WORD.findall("".join(c for c in plain if not unicodedata.combining(c)))


@lru_cache(50_000)
def stem(word: str) -> str:
    """Return the stem of an English word (Porter2, as PostgreSQL's `english` configuration uses it)."""
    return str(_STEMMER.stemWord(word))


def content_stems(text: str) -> list[str]:
    """Return the stems of the words that carry meaning, in order."""
    return [stem(word) for word in split_words(text) if word.split("'")[0] not in STOPWORDS]
