"""Search in one's own conversations.

Texts are read and compared here, not by an index of the database's: once texts are sealed, an index beside them would
give away what they say. They come in batches, each compared in a thread and forgotten before the next is read.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from chatbot.core.folding import normalize
from chatbot.core.visible import visible_text

# what one search reads at most, and how many messages of it at once: the texts of a batch take 3 MB at most
MAX_MESSAGES, BATCH, MAX_CHARACTERS = 2000, 100, 8000
_MAX_FOLDED = 2 * MAX_CHARACTERS  # a few characters become 18
_AROUND = 60  # characters of a snippet on each side of the first word found


class Search:
    """One search. Give it messages, newest first, with `conversation_id` and `content`; then ask what was found."""

    def __init__(self, words: str) -> None:
        self._wanted = fold(words).split()
        self._snippets: dict[UUID, str] = {}

    def read(self, messages: Iterable[Any]) -> None:
        """Look for every word in each message."""
        for message in messages:
            if message.conversation_id not in self._snippets and self._in(message.content):
                self._snippets[message.conversation_id] = _snippet(message.content, self._wanted)

    def found(self, conversations: Iterable[Any]) -> list[tuple[Any, str]]:
        """Return those with every word in the title, or in one message; each with a snippet of that message."""
        return [
            (conversation, self._snippets.get(conversation.id, ""))
            for conversation in conversations
            if conversation.id in self._snippets or self._in(conversation.title)
        ]

    def _in(self, text: str) -> bool:
        folded = fold(text)
        return bool(self._wanted) and all(word in folded for word in self._wanted)


def fold(text: str) -> str:
    """Return text as it is compared; what expands beyond a bound is compared up to there."""
    return normalize("NFKC", text, _MAX_FOLDED).casefold()[:_MAX_FOLDED]


def _snippet(text: str, wanted: list[str]) -> str:
    flat = " ".join(visible_text(text).split())
    place = max(flat.casefold().find(wanted[0]), 0)
    begin, end = max(place - _AROUND, 0), place + _AROUND
    return ("…" if begin else "") + flat[begin:end].strip() + ("…" if end < len(flat) else "")
