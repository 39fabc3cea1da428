"""A conversation as a file to keep: Markdown for people, JSON for machines. Either is written message by message."""

from typing import Any, Protocol

import orjson

from chatbot.chat.kept.markdown import answer_markdown, inert_line
from chatbot.core.visible import visible_json, visible_text


class Export(Protocol):
    """Writes one conversation, whose messages come oldest first."""

    def __init__(self, title: str) -> None: ...

    def begin(self) -> bytes:
        """Return what stands before the messages."""
        ...

    def write(self, message: Any) -> bytes:
        """Return one message."""
        ...

    def end(self) -> bytes:
        """Return what stands after them."""
        ...


class JsonExport:
    """Title and every version of every message as a JSON document, each text as it is seen."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._between = b"\n"

    def begin(self) -> bytes:
        """Return the title."""
        return b'{"title": %b,\n"messages": [' % orjson.dumps(visible_text(self._title))

    def write(self, message: Any) -> bytes:
        """Return one message."""
        kept = {
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
        between, self._between = self._between, b",\n"
        return between + orjson.dumps(kept, option=orjson.OPT_INDENT_2)

    def end(self) -> bytes:
        """Return the end of the document."""
        return b"\n]}\n"


class MarkdownExport:
    """Questions quoted as they were typed, answers as the page shows them, sources below; nothing in it is live."""

    def __init__(self, title: str) -> None:
        self._title = title

    def begin(self) -> bytes:
        """Return the title as a heading."""
        return _encode([f"# {inert_line(visible_text(self._title))}"])

    def write(self, message: Any) -> bytes:
        """Return one message."""
        time = message.created_at.strftime("%Y-%m-%d %H:%M")
        if message.author == "user":
            return _encode(["", f"**Question** ({time})", "", *_quote(message.content)])
        ending = "" if message.outcome == "complete" else f", {message.outcome}"
        parts = ["", f"**Answer** ({time}{ending})", "", answer_markdown(visible_text(message.content))]
        for source in visible_json(message.citations):
            parts += ["", inert_line(f"[{source['number']}] {_named(source)}")]
        return _encode(parts)

    def end(self) -> bytes:
        """Return nothing more."""
        return b""


def _encode(lines: list[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")


def _quote(text: str) -> list[str]:
    """Return typed text as a quote that keeps its lines and their indentation."""
    lines = [line.rstrip() for line in visible_text(text).split("\n")]
    quoted = []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        words = line.lstrip()
        indent = "&nbsp;" * (len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip())) if words else ""
        ending = "\\" if words and following.strip() else ""
        quoted.append(f"> {indent}{inert_line(words)}{ending}".rstrip())
    return quoted


def _named(source: dict[str, Any]) -> str:
    return " — ".join(part for part in (source.get("title", ""), source.get("section", "")) if part)
