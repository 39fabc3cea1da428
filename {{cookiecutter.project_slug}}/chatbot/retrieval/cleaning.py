"""Takes out the characters that a reader cannot see, but a model can."""

import unicodedata

from chatbot.core.folding import limit_marks

# format (such as the tag characters), private-use, unassigned and surrogate code points
_HIDDEN = frozenset({"Cf", "Co", "Cn", "Cs"})
_KEPT = frozenset("\u200c\u200d")  # joiners that scripts and emoji need
_SPACES = "\n\t\f"


def clean_text(text: str) -> tuple[str, int]:
    """Return `text` without hidden and control characters, lines ended by a line feed, and how many were hidden.

    Control characters are not counted: programs leave them behind without meaning to hide anything.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    present = set(text) - _KEPT
    hidden = {ord(character) for character in present if unicodedata.category(character) in _HIDDEN}
    control = {ord(character) for character in present if is_control(character)}
    count = sum(text.count(chr(code)) for code in hidden) if len(hidden) < 50 else sum(ord(c) in hidden for c in text)
    cleaned = text.translate(dict.fromkeys(hidden | control))
    seen = limit_marks(cleaned)
    return seen, count + len(cleaned) - len(seen)


def is_control(character: str) -> bool:
    """Say whether a character belongs to no text; the usual white space does."""
    return unicodedata.category(character) == "Cc" and character not in _SPACES
