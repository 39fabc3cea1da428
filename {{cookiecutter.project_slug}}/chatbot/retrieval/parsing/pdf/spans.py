"""Letters of a PDF page become words, and words become spans: runs on one line without a wide gap or an upright line.

A PDF says where each letter stands, and neither where words end nor what follows what. Sizes are in points.
"""

import re
import unicodedata
from bisect import bisect_left
from dataclasses import dataclass, field

from chatbot.retrieval.parsing.markers import raise_text
from chatbot.retrieval.parsing.pdf.geometry import Box, around
from chatbot.retrieval.parsing.pdf.sheet import OWN_HYPHEN, Letter, Sheet

# in parts of the letters' size
_WORD_GAP, _SPAN_GAP, _BASELINE, _OVERLAP = 0.18, 0.9, 0.35, -0.3
_RAISED_SIZE, _RAISED_BY = 0.8, 0.25
_MAX_WIDE = 60
_RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_RIGHT_TO_LEFT = frozenset({"R", "AL"})
# accents that are drawn as letters of their own, over or under the next one, and what they do to it
_ACCENTS = dict(
    zip(
        "`´ˆ˜¯˘˙¨˚˝ˇ¸",
        "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327",
        strict=True,
    )
)
# a hyphen that is the word's own although a line ends there: it has another, or begins with "self"
_OWN_HYPHEN = re.compile(r"(?:(?<![^\W_])[^\W_]+-[^\W_]+|(?<![^\W_])self)-$", re.IGNORECASE)
_OF_SELF = ("ish", "less", "hood", "same")


@dataclass(slots=True, eq=False)
class Span:
    """Text on one line, its box, the size of its letters, whether all of it is bold, and its words from the left."""

    text: str
    box: Box
    size: float
    bold: bool
    words: list["Span"] = field(default_factory=list)


def make_spans(sheet: Sheet) -> list[Span]:
    """Return the page's spans, line by line from the top."""
    walls = sorted(line for line in sheet.lines if line[3] - line[1] > line[2] - line[0])
    words: list[list[Letter]] = []
    for letter in _join_accents(sheet.letters):
        if words and letter.joins and _touches(words[-1][-1], letter):
            words[-1].append(letter)
        else:
            words.append([letter])
    runs: list[list[Span]] = []
    for word in map(_word, words):
        last = runs[-1][-1] if runs else word
        near = (
            runs
            and _OVERLAP < _gap(last, word) / max(min(word.size, last.size), 1) < _SPAN_GAP
            and _is_level(last, word)
        )
        if near and not _is_parted(last, word, walls):
            runs[-1].append(word)
        else:
            runs.append([word])
    return [make_span(run) for line in _lines(runs) for run in _merge(line, walls)]


def _join_accents(letters: list[Letter]) -> list[Letter]:
    """Put accents that stand over the letter behind them together with it."""
    found: list[Letter] = []
    for letter in letters:
        last = found[-1] if found else letter
        if last.text in _ACCENTS:
            composed = unicodedata.normalize("NFC", letter.text + _ACCENTS[last.text])
            over = min(last.box[2], letter.box[2]) - max(last.box[0], letter.box[0])
            if len(composed) == 1 and over > 0.5 * (last.box[2] - last.box[0]):
                found[-1] = Letter(composed, letter.box, letter.style, last.joins)
                continue
        found.append(letter)
    return found


def _touches(one: Letter, two: Letter) -> bool:
    size = max(one.style.size, two.style.size)
    gap = max(two.box[0] - one.box[2], one.box[0] - two.box[2])
    is_level = abs(one.box[3] - two.box[3]) < _BASELINE * size
    return is_level and gap < 2 * _WORD_GAP * size and abs(one.style.size - two.style.size) < 0.2 * one.style.size


def _word(letters: list[Letter]) -> Span:
    if any(unicodedata.bidirectional(letter.text[:1]) in _RIGHT_TO_LEFT for letter in letters if letter.text):
        letters = sorted(letters, key=lambda letter: -letter.box[2])  # the file's own order differs from run to run
    text = "".join(letter.text for letter in letters)
    size = max(letter.style.size for letter in letters)
    return Span(text, around([one.box for one in letters]), size, all(one.style.bold for one in letters))


def _gap(one: Span, two: Span) -> float:
    return max(two.box[0] - one.box[2], one.box[0] - two.box[2])


def _is_parted(one: Span, two: Span, walls: list[Box]) -> bool:
    """Say whether an upright line stands between two words."""
    left, right = min(one.box[2], two.box[2]), max(one.box[0], two.box[0])
    middle = (two.box[1] + two.box[3]) / 2
    place = bisect_left(walls, (left - 1,))
    for wall in walls[place : place + _MAX_WIDE]:
        if wall[0] > right + 1:
            return False
        if wall[1] <= middle <= wall[3]:
            return True
    return False


def _is_level(one: Span, two: Span) -> bool:
    """Say whether two words share half of the lower one's height: the same line, or a raised number in it."""
    shared = min(one.box[3], two.box[3]) - max(one.box[1], two.box[1])
    return shared > 0.5 * min(one.box[3] - one.box[1], two.box[3] - two.box[1])


def _lines(runs: list[list[Span]]) -> list[list[list[Span]]]:
    lines: list[list[list[Span]]] = []
    for run in sorted(runs, key=lambda run: (run[0].box[1] + run[0].box[3], run[0].box[0])):
        for line in lines[-3:]:
            if _is_level(max((other[0] for other in line[-8:]), key=lambda word: word.size), run[0]):
                line.append(run)
                break
        else:
            lines.append([run])
    return lines


def _merge(line: list[list[Span]], walls: list[Box]) -> list[list[Span]]:
    """Put runs together that stand side by side without a wide gap; those that overlap stay apart."""
    merged: list[list[Span]] = []
    for run in sorted(line, key=lambda run: min(word.box[0] for word in run)):
        left = min(word.box[0] for word in run)
        last = max(merged[-1], key=lambda word: word.box[2]) if merged else run[0]
        size = min(last.size, max(word.size for word in run))
        near = merged and -0.2 * size < left - last.box[2] < _SPAN_GAP * size
        if near and not _is_parted(last, run[0], walls):
            merged[-1] += run
        else:
            merged.append(list(run))
    return [sorted(run, key=lambda word: word.box[0]) for run in merged]


def make_span(words: list[Span]) -> Span:
    """Return the span of words that stand on one line, from the left."""
    size, box = max(word.size for word in words), around([word.box for word in words])
    bold = all(word.bold for word in words if word.size > _RAISED_SIZE * size)
    return Span(join_words(words), box, size, bold, words)


def join_words(words: list[Span]) -> str:
    """Return the text of words that stand on one line, from the left."""
    if not words:
        return ""
    # not the largest: a list's number may be larger than what it counts
    size = max(words, key=lambda word: len(word.text) * word.size).size
    bottom = max(word.box[3] for word in words)
    ordered = words[::-1] if _is_right_to_left("".join(word.text for word in words)) else words
    text, last = "", None
    for word in ordered:
        is_raised = word.size <= _RAISED_SIZE * size and word.box[3] < bottom - _RAISED_BY * size
        # a raised number at the beginning is a note's own
        is_glued = last is None or (_gap(last, word) < _WORD_GAP * 0.6 * size and not (text and text in _RAISED))
        text += ("" if is_glued else " ") + (raise_text(word.text) if is_raised else word.text)
        last = word
    return text


def _is_right_to_left(text: str) -> bool:
    kinds = [unicodedata.bidirectional(character) for character in text]
    return sum(kind in _RIGHT_TO_LEFT for kind in kinds) > kinds.count("L")


def join_lines(one: str, two: str) -> str:
    """Put two lines of a paragraph together. A hyphen at the end goes when the word goes on in small letters."""
    if not one or not two:
        return one or two
    if len(one) > 1 and one[-1] in "-\u2010\u2011\u00ad" and one[-2].isalpha() and two[0].islower():
        is_own = one[-1] == OWN_HYPHEN or (_OWN_HYPHEN.search(one) and not two.startswith(_OF_SELF))
        return one[:-1] + ("-" if is_own else "") + two
    unparted = all(unicodedata.east_asian_width(character) in "WF" for character in (one[-1], two[0]))
    return one + ("" if unparted and not "\uac00" <= one[-1] <= "\ud7a3" else " ") + two
