"""A stored conversation as the page shows it: by the same renderer as the stream."""

from collections.abc import Iterable
from typing import Any

from chatbot.chat.links import written_links
from chatbot.chat.nodes import render_answer


def render_history(messages: Iterable[Any]) -> list[dict[str, Any]]:
    """Return messages for the page: a question as text, an answer as nodes with its citations."""
    shown = []
    trusted: frozenset[str] = frozenset()
    for message in messages:
        entry = {"id": message.id, "author": message.author, "created_at": message.created_at.isoformat()}
        if message.author == "user":
            trusted = written_links(message.content)
            entry["text"] = message.content
        else:
            entry["nodes"] = render_answer(message.content, trusted=trusted, citations=len(message.citations))
            entry["citations"] = message.citations
            entry["outcome"] = message.outcome
        shown.append(entry)
    return shown
