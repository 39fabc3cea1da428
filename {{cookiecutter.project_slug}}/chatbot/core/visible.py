"""Text as its reader sees it: characters that hide text from people, but not from a language model, are removed.

Tag characters, bidirectional marks and joiners carry instructions that nobody sees (Unicode Technical Report 36;
Boucher et al., "Trojan Source", 2021). What is removed is decided by kind, not by a list of known tricks.
"""

import re
import unicodedata

from chatbot.core.folding import limit_marks

# control, format, private-use and surrogate characters
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs"})
# of the unassigned ones those that Unicode will never show; others are younger than this Python, as new emoji are
_NEVER_SHOWN = re.compile("[\u2065\ufdd0-\ufdef\ufff0-\ufff8\U000e0000-\U000e0fff]")
_LAST_OF_A_PLANE = 0xFFFE
_LINES = frozenset("\n\t")
_JOINERS = "\u200c\u200d"
# shown as nothing though they count as letters or marks: fillers, the grapheme joiner, variation selectors, a blank
_BLANKS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# scripts and emoji need a joiner between two of their characters; beside ASCII or another joiner it only hides
_LOOSE_JOINER = re.compile(f"(?<![^\x00-\x7f{_JOINERS}])[{_JOINERS}]|[{_JOINERS}](?![^\x00-\x7f{_JOINERS}])")


def unix_lines(text: str) -> str:
    """Return `text` with lines that end in a line feed."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _is_hidden(character: str) -> bool:
    kind = unicodedata.category(character)
    if kind == "Cn":
        last = ord(character) & _LAST_OF_A_PLANE == _LAST_OF_A_PLANE
        return last or _NEVER_SHOWN.match(character) is not None
    return kind in _HIDDEN


def visible_text(text: str) -> str:
    """Return `text` without characters that cannot be seen, or one mark too many; line breaks and tabs stay."""
    text = unix_lines(text)
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    kept = {*_LINES, *_JOINERS}
    gone = {ord(c): None for c in set(text) if c not in kept and _is_hidden(c)}
    return limit_marks(_LOOSE_JOINER.sub("", _BLANKS.sub("", text.translate(gone))))


def visible_line(text: str, most: int) -> str:
    """Return `text` as one line of at most `most` visible characters."""
    return " ".join(visible_text(text[: most * 4]).split())[:most]
