"""A stored conversation as the page shows it: by the same renderer as the stream.

It is cleaned once more: rows may be older than a rule about what is seen.
"""

from collections.abc import Iterable
from typing import Any

from chatbot.chat.links import written_links
from chatbot.chat.nodes import render_answer
from chatbot.core.visible import visible_json, visible_text


def render_history(messages: Iterable[Any]) -> list[dict[str, Any]]:
    """Return messages for the page, with parent and versions: a question as text, an answer as nodes with citations."""
    shown = []
    trusted: dict[int, frozenset[str]] = {}
    for message in messages:
        entry = {"id": message.id, "parent": message.parent_id, "author": message.author}
        entry |= {"created_at": message.created_at.isoformat(), "versions": list(message.versions)}
        if message.author == "user":
            entry["text"] = visible_text(message.content)
            trusted[message.id] = written_links(entry["text"])
        else:
            trusted_here = trusted.get(message.parent_id, frozenset())
            text = visible_text(message.content)
            entry["nodes"] = render_answer(text, trusted=trusted_here, citations=len(message.citations))
            entry["citations"] = visible_json(message.citations)
            entry["outcome"] = message.outcome
        shown.append(entry)
    return shown
