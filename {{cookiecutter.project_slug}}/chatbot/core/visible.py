"""Text as its reader sees it: the one sanitiser for every text that reaches a model or a reader.

Stops: text that hides from people and not from a language model (Unicode Technical Report 36; Boucher et al., "Trojan
Source", 2021), in any alphabet that is not seen: tag characters, selectors, joiners, direction marks, fillers, spaces
of different widths, ends of lines of different kinds. What goes is decided by kind, not by a list of known tricks. Some
writing needs such a character: Persian between letters, Hindi after a virama, an emoji family, a name's ideograph. It
is kept exactly there, once, and nowhere else; so only text in such writing can still say a little by leaving it out.
"""

import re
import unicodedata
from typing import Any, NamedTuple

from chatbot.core import characters as kinds
from chatbot.core.folding import limit_marks

_KEPT = frozenset(f"\n\t\r{kinds.SPACES}{kinds.LINE_ENDS}")
_FLAG, _KEYS, _KEYCAP, _COLOURED = "\U0001f3f4", frozenset("0123456789#*"), "\u20e3", "\ufe0f"
# the three flags of regions that are in use (emoji-sequences.txt)
_REGIONS = frozenset(
    "".join(chr(0xE0000 + ord(letter)) for letter in f"{region}\x7f") for region in ("gbeng", "gbsct", "gbwls")
)
_JOINERS = frozenset(kinds.NON_JOINER + kinds.JOINER)
_SUFFIX_SPACE = "\u202f"
_ENDS = ("\r", _SUFFIX_SPACE)  # of a piece: what follows decides
_MAX_RUN = 8  # longer than anything that is kept
_JUDGED = re.compile(f"[{kinds.DOUBTFUL}]+|[{kinds.SPACES}]+")
_SELECTED = re.compile(
    f"[{kinds.TEXT_EMOJI}]\ufe0f|[{kinds.COLOURED_EMOJI}]\ufe0e"
    f"|[{kinds.IDEOGRAPHS}][{kinds.IDEOGRAPHIC_SELECTORS}]|[{kinds.MONGOLIAN}][{kinds.MONGOLIAN_SELECTORS}]"
)
_EMOJI = re.compile(f"[{kinds.TEXT_EMOJI}{kinds.COLOURED_EMOJI}]")
_JOINED_EMOJI = re.compile(f"[{kinds.JOINED_EMOJI}]")
_MONGOLIAN, _JOINING = re.compile(f"[{kinds.MONGOLIAN}]"), re.compile(f"[{kinds.JOINING}]")
_RIGHT_TO_LEFT = re.compile(f"[{kinds.RIGHT_TO_LEFT}]")
# one line of characters that are seen, stand for themselves and change none beside them: most names are nothing else
_PLAIN = re.compile(
    "[ -~\u00a1-\u00ac\u00ae-\u02ff\u0400-\u0482\u048a-\u052f\u2010-\u2027\u20ac\u3001-\u3011\u3041-\u3096\u30a1-\u30fa"
    "\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff5e]*"
)
_VIRAMA = 9  # canonical combining class


class Visible(NamedTuple):
    """Text without hidden characters, and how many there were."""

    text: str
    hidden: int


def unix_lines(text: str) -> str:
    """Return `text` with lines that end in a line feed."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_visible(text: str) -> Visible:
    """Return what is seen of `text`, and how many characters were removed. Line breaks and tabs stay.

    Of a run of combining marks 30 stay: more are one blot to a reader, and the square of their number in work.
    """
    if _PLAIN.fullmatch(text):
        return Visible(text, 0)
    stream = VisibleStream()
    seen = stream.feed(text) + stream.finish()
    limited = limit_marks(seen)
    return Visible(limited, stream.hidden + len(seen) - len(limited))


def visible_text(text: str) -> str:
    """Return what is seen of `text`."""
    return read_visible(text).text


def visible_line(text: str, most: int) -> str:
    """Return `text` as one line of at most `most` visible characters."""
    return " ".join(visible_text(text[: most * 4]).split())[:most].rstrip()


def visible_json(value: Any) -> Any:  # noqa: ANN401 - what JSON holds
    """Return decoded JSON with the strings and keys in it as they are seen."""
    if isinstance(value, str):
        return visible_text(value)
    if isinstance(value, list):
        return [visible_json(item) for item in value]
    if isinstance(value, dict):
        return {visible_text(key): visible_json(item) for key, item in value.items()}
    return value


class VisibleStream:
    """Takes a text in pieces of any size, and gives back what is seen of it: the same as for the whole text at once."""

    def __init__(self) -> None:
        self.hidden = 0  # characters removed so far
        self._held = ""
        self._left = ""
        self._at_start = True  # of a line: nothing but white space stands on it
        self._turns = False  # something on this line runs from right to left

    def feed(self, piece: str) -> str:
        """Return the part that has become certain: whether a joiner stays depends on what follows it."""
        text = _without_hidden(self._held + piece)
        self.hidden += len(self._held) + len(piece) - len(text)
        certain = text.rstrip(kinds.DOUBTFUL)
        if len(certain) == len(text) and text[-1:] in _ENDS:
            certain = text[:-1]
        self._held = text[len(certain) :][:_MAX_RUN]
        self.hidden += len(text) - len(certain) - len(self._held)
        return self._judge(unix_lines(certain))

    def finish(self) -> str:
        """Return what was held back, as far as it is needed at the end of a text."""
        held, self._held = self._held, ""
        return self._judge(unix_lines(held))

    def _judge(self, text: str) -> str:
        parts, done, noted = [], 0, 0
        for found in _JUDGED.finditer(text) if not text.isascii() else ():
            run, (start, end) = found[0], found.span()
            if start > done:
                parts.append(text[done:start])
                self._left = text[start - 1]
            if run[0] not in _JOINERS:  # all that depends on the line
                self._note(text[noted:start])
                noted = start
            right = text[end : end + 1]
            if run[0] in kinds.SPACES:
                kept = self._space(run, right)
            else:
                kept = self._needed(run, right)
                self.hidden += len(run) - len(kept)
            if kept:
                parts.append(kept)
                self._left = kept[-1]
            done = end
        self._note(text[noted:])
        if done < len(text):
            parts.append(text[done:])
            self._left = text[-1]
        return "".join(parts)

    def _note(self, text: str) -> None:
        """Note what the line holds that the text goes on with."""
        _, ends, line = text.rpartition("\n")
        self._at_start = (self._at_start or bool(ends)) and not line.strip()
        self._turns = (self._turns and not ends) or (not line.isascii() and bool(_RIGHT_TO_LEFT.search(line)))

    def _space(self, run: str, right: str) -> str:
        """Return plain spaces for others: as many at the beginning of a line, where they are seen, else one."""
        if run == _SUFFIX_SPACE and _MONGOLIAN.match(self._left) and _MONGOLIAN.match(right):
            return run  # before a suffix: it gives the letter after it its shape
        if self._at_start:
            return " " * len(run)
        return "" if self._left == " " else " "

    def _needed(self, run: str, right: str) -> str:
        """Return as much of a run of doubtful characters as writing needs between `self._left` and `right`."""
        left, kept = self._left, ""
        if left == _FLAG and run in _REGIONS:
            return run
        if _SELECTED.fullmatch(left + run[0]) or (left in _KEYS and run + right == _COLOURED + _KEYCAP):
            kept, run = run[0], run[1:]
        return kept + (run if len(run) == 1 and self._is_needed(left, run, right) else "")

    def _is_needed(self, left: str, mark: str, right: str) -> bool:
        after_virama = bool(left) and unicodedata.combining(left) == _VIRAMA
        if mark == kinds.NON_JOINER:
            return (after_virama and right.isalpha()) or (_takes_shape(left) and _takes_shape(right))
        if mark == kinds.JOINER:
            before_virama = bool(right) and unicodedata.combining(right) == _VIRAMA and left.isalpha()
            joined = _EMOJI.match(left) is not None and _JOINED_EMOJI.match(right) is not None
            return after_virama or before_virama or joined or _takes_shape(left) != _takes_shape(right)
        if mark == kinds.VOWEL_SEPARATOR:
            return _MONGOLIAN.match(left) is not None and _MONGOLIAN.match(right) is not None
        if mark in kinds.DIRECTION_MARKS:
            turns = self._turns or _RIGHT_TO_LEFT.match(right) is not None
            return turns and (_is_plain(left) or _is_plain(right))
        return False


def _without_hidden(text: str) -> str:
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    present = set(text)
    for end in present.intersection(kinds.LINE_ENDS):
        text = text.replace(end, "\n")
    hidden = [ord(c) for c in present if c not in _KEPT and kinds.is_hidden(c)]
    return text.translate(dict.fromkeys(hidden)) if hidden else text


def _takes_shape(character: str) -> bool:
    """Say whether a letter, or a mark on one, takes its shape from its neighbours, as Arabic ones do."""
    return _JOINING.match(character) is not None and unicodedata.category(character)[0] in "LM"


def _is_plain(character: str) -> bool:
    """Say whether a character is one whose place beside others a direction mark can change: a sign, digit or letter."""
    return bool(character.strip()) and unicodedata.bidirectional(character) not in ("R", "AL", "NSM")
