"""A stored conversation as the page shows it: by the same renderer as the stream.

It is cleaned once more: rows may be older than a rule about what is seen.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from chatbot.chat.links import written_links
from chatbot.chat.nodes import render_answer
from chatbot.core.visible import visible_json, visible_text


class HistoryWriter:
    """Writes messages for the page, oldest first: a question as text, an answer as nodes with citations.

    `versions` has, for each message, the ids of its versions.
    """

    def __init__(self, versions: Mapping[int, list[int]]) -> None:
        self._versions = versions
        self._trusted: dict[int, frozenset[str]] = {}

    def write(self, message: Any) -> bytes:
        """Return one message as JSON."""
        entry = {"id": message.id, "parent": message.parent_id, "author": message.author}
        entry |= {"created_at": message.created_at.isoformat(), "versions": self._versions[message.id]}
        if message.author == "user":
            entry["text"] = visible_text(message.content)
            self._trusted[message.id] = written_links(entry["text"])
        else:
            trusted = self._trusted.get(message.parent_id, frozenset())
            text = visible_text(message.content)
            entry["nodes"] = render_answer(text, trusted=trusted, citations=len(message.citations))
            entry["citations"] = visible_json(message.citations)
            entry["outcome"] = message.outcome
        return orjson.dumps(entry)
