"""A conversation as a file to keep: Markdown for people, JSON for machines.

A Markdown viewer fetches images by itself, and shows raw HTML. What a model wrote is therefore written so that neither
can happen (part of the rule that no answer causes a request): an image's mark and a tag's are escaped outside of code.
"""

import re
from collections.abc import Sequence
from typing import Any

import orjson

from chatbot.chat.nodes import parse_blocks
from chatbot.core.visible import visible_json, visible_text

_LIVE = re.compile(r"!(?=\[)|<(?=[A-Za-z/!?])")


def export_json(title: str, messages: Sequence[Any]) -> bytes:
    """Return title and every version of every message as a JSON document, each text as it is seen."""
    kept = [
        {
            "id": message.id,
            "parent": message.parent_id,
            "author": message.author,
            "text": visible_text(message.content),
            "created_at": message.created_at.isoformat(),
            **(
                {"outcome": message.outcome, "citations": visible_json(message.citations)}
                if message.author == "assistant"
                else {}
            ),
        }
        for message in messages
    ]
    return orjson.dumps({"title": visible_text(title), "messages": kept}, option=orjson.OPT_INDENT_2)


def export_markdown(title: str, messages: Sequence[Any]) -> bytes:
    """Return messages as Markdown: questions quoted, answers as written, sources below."""
    parts = [f"# {harmless(title)}"]
    for message in messages:
        time = message.created_at.strftime("%Y-%m-%d %H:%M")
        if message.author == "user":
            quoted = "\n".join(f"> {line}" for line in harmless(message.content).splitlines())
            parts.append(f"**Question** ({time})\n\n{quoted}")
            continue
        ending = "" if message.outcome == "complete" else f", {message.outcome}"
        parts.append(f"**Answer** ({time}{ending})\n\n{harmless(message.content)}")
        parts += [f"[{source['number']}] {harmless(_named(source))}" for source in message.citations]
    return ("\n\n".join(parts) + "\n").encode("utf-8", "replace")


def harmless(text: str) -> str:
    """Return Markdown in which no image and no tag is live; code stays as it is."""
    lines = visible_text(text).splitlines()
    code: set[int] = set()
    for token in parse_blocks("\n".join(lines)):
        if token.type in ("fence", "code_block") and token.map is not None:
            code |= set(range(*token.map))
    return "\n".join(line if number in code else _LIVE.sub(r"\\\g<0>", line) for number, line in enumerate(lines))


def _named(source: dict[str, Any]) -> str:
    return " — ".join(part for part in (source.get("title", ""), source.get("section", "")) if part)
