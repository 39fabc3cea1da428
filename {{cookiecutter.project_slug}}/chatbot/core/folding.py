"""Text made comparable, at a cost that is linear in its length.

`unicodedata.normalize` sorts a run of combining marks in the square of its length, and holds the interpreter meanwhile:
8000 marks took 0.2 s, a search over 2000 such messages minutes. Some characters become 18. So runs of marks are
bounded where text comes in, and text is normalised in short parts, up to a given length.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Literal

_MAX_MARKS = 30  # non-starters in a run: the Stream-Safe Text Format (Unicode Standard Annex 15, section 13)
_MARKS = re.compile(f"(?<=\0{{{_MAX_MARKS}}})\0+")
_PART, _LATEST_END = 256, 288  # characters of a part
# vowels and finals of Korean, which join the letter before them though they are no marks
_JOINING = range(0x1160, 0x1200)

Form = Literal["NFKC", "NFKD"]


def limit_marks(text: str) -> str:
    """Return `text` without the combining marks that follow 30 others."""
    marks = [character for character in set(text) if unicodedata.combining(character)]
    if not marks:
        return text
    # as one character they are a run that a pattern of fixed text finds; no visible text holds NUL
    runs = _MARKS.finditer(text.translate(dict.fromkeys(map(ord, marks), "\0")))
    kept, end = [], 0
    for run in runs:
        kept.append(text[end : run.start()])
        end = run.end()
    return "".join([*kept, text[end:]])


def normalize(form: Form, text: str, limit: int | None = None) -> str:
    """Return `text` in one of the two compatibility forms; of the result no more than `limit` characters."""
    parts: list[str] = []
    length = 0
    for part in _parts(text):
        parts.append(unicodedata.normalize(form, part))
        length += len(parts[-1])
        if limit is not None and length >= limit:
            break
    return "".join(parts)[:limit]


def _parts(text: str) -> Iterator[str]:
    """Yield parts that normalise alone as they do together, but in a run of marks that no writing system has."""
    if text.isascii():
        yield text
        return
    begin = 0
    while begin < len(text):
        end = begin + _PART
        while end < min(len(text), begin + _LATEST_END) and _joins(text[end]):
            end += 1
        yield text[begin:end]
        begin = end


def _joins(character: str) -> bool:
    """Say whether a character may change with the one before it: a mark or a Korean letter, also in another width."""
    first = unicodedata.normalize("NFKD", character)[0]
    return unicodedata.category(first)[0] == "M" or ord(first) in _JOINING
