"""Words as the offline parts see them: lower case, without accents, without the commonest ones, stemmed lightly."""

import re
import unicodedata

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
_SUFFIXES = "ations ation ingly ments ment ings ing edly ies ied ers er est ed es ly al s".split()


def split_words(text: str) -> list[str]:
    """Return the words of `text` in order, lower case, without accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return _WORD.findall("".join(c for c in plain if not unicodedata.combining(c)))


def stem(word: str) -> str:
    """Return `word` without its commonest English ending; at least three letters stay."""
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3 and not word.endswith("ss"):
            word = word[: -len(suffix)]
            break
    if len(word) > 3 and word[-1] == word[-2]:
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 3 else word


def content_stems(text: str) -> list[str]:
    """Return the stems of the words that carry meaning, in order."""
    return [stem(word) for word in split_words(text) if word.split("'")[0] not in STOPWORDS]
