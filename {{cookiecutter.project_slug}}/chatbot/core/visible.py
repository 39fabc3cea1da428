"""Text as its reader sees it: characters that hide text from people, but not from a language model, are removed.

Tag characters, bidirectional marks and joiners carry instructions that nobody sees (Unicode Technical Report 36;
Boucher et al., "Trojan Source", 2021). What is removed is decided by kind, not by a list of known tricks.
"""

import re
import unicodedata

# control, format, private-use, unassigned and surrogate characters
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cn", "Cs"})
_LINES = frozenset("\n\t")
_JOINERS = "\u200c\u200d"
# shown as nothing though they count as letters or marks: fillers, the grapheme joiner, variation selectors, a blank
_BLANKS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# scripts and emoji need a joiner between two of their characters; beside ASCII or another joiner it only hides
_LOOSE_JOINER = re.compile(f"(?<![^\x00-\x7f{_JOINERS}])[{_JOINERS}]|[{_JOINERS}](?![^\x00-\x7f{_JOINERS}])")


def visible_text(text: str) -> str:
    """Return `text` without characters that cannot be seen; line breaks and tabs stay."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    kept = {*_LINES, *_JOINERS}
    gone = {ord(c): None for c in set(text) if c not in kept and unicodedata.category(c) in _HIDDEN}
    return _LOOSE_JOINER.sub("", _BLANKS.sub("", text.translate(gone)))


def visible_line(text: str, most: int) -> str:
    """Return `text` as one line of at most `most` visible characters."""
    return " ".join(visible_text(text[: most * 4]).split())[:most]
