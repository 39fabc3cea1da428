"""Search in one's own conversations.

Texts are read and compared here, not by an index of the database's: once texts are sealed, an index beside them would
give away what they say.
"""

import unicodedata
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from chatbot.core.visible import visible_text

# what one search reads at most: 16 million characters, well under a second
MOST_MESSAGES, MOST_CHARACTERS = 2000, 8000
_AROUND = 60  # characters of a snippet on each side of the first word found


def find_conversations(conversations: Iterable[Any], messages: Iterable[Any], words: str) -> list[tuple[Any, str]]:
    """Return the conversations in whose title, or in one of whose messages, every word occurs; each with a snippet.

    `conversations` have `id` and `title`; `messages` have `conversation_id` and `content`, the newest first.
    """
    wanted = _folded(words).split()
    snippets: dict[UUID, str] = {}
    for message in messages:
        if message.conversation_id not in snippets and _holds(message.content, wanted):
            snippets[message.conversation_id] = _snippet(message.content, wanted)
    return [
        (conversation, snippets.get(conversation.id, ""))
        for conversation in conversations
        if conversation.id in snippets or _holds(conversation.title, wanted)
    ]


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _holds(text: str, wanted: list[str]) -> bool:
    folded = _folded(text)
    return bool(wanted) and all(word in folded for word in wanted)


def _snippet(text: str, wanted: list[str]) -> str:
    flat = " ".join(visible_text(text).split())
    place = max(flat.casefold().find(wanted[0]), 0)
    begin, end = max(place - _AROUND, 0), place + _AROUND
    return ("…" if begin else "") + flat[begin:end].strip() + ("…" if end < len(flat) else "")
