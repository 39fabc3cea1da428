"""A stored conversation as the page shows it: by the same renderer as the stream."""

from collections.abc import Iterable
from typing import Any

from chatbot.chat.links import written_links
from chatbot.chat.nodes import render_answer


def render_history(messages: Iterable[Any]) -> list[dict[str, Any]]:
    """Return messages for the page, with parent and versions: a question as text, an answer as nodes with citations."""
    shown = []
    trusted: dict[int, frozenset[str]] = {}
    for message in messages:
        entry = {"id": message.id, "parent": message.parent_id, "author": message.author}
        entry |= {"created_at": message.created_at.isoformat(), "versions": list(message.versions)}
        if message.author == "user":
            trusted[message.id] = written_links(message.content)
            entry["text"] = message.content
        else:
            trusted_here = trusted.get(message.parent_id, frozenset())
            entry["nodes"] = render_answer(message.content, trusted=trusted_here, citations=len(message.citations))
            entry["citations"] = message.citations
            entry["outcome"] = message.outcome
        shown.append(entry)
    return shown
