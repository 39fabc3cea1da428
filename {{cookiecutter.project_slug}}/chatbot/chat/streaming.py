"""Renders an answer while it arrives: finished blocks once, the open block again and again.

What the page shows after the last piece equals what history shows: a block counts as finished only when
the line that begins the next one is complete, since only then can nothing that follows change it.
"""

import re
from typing import Any, cast

from chatbot.chat.nodes import Node, build_nodes, count_unlinked, parse_blocks

# inside a paragraph that is nothing but such characters, more of them are only more text
_PLAIN_START = re.compile(r"[A-Za-z][A-Za-z0-9 ,.;:?'\"()%/$-]*")
# lines as Markdown counts them; str.splitlines knows more separators
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_LONG, _PART = 256, 16
_PLAIN = re.compile(r"[A-Za-z0-9 ,.;:?'\"()%/$-]+")


class AnswerRenderer:
    """Turns pieces of Markdown into updates for the page.

    An update is a dictionary with one or more of `done` (nodes that are final, to be added before the open
    block), `open` (nodes that replace the open block), and `text` (characters to be added to the last text
    of the open block).
    """

    def __init__(self, trusted: frozenset[str], citations: int) -> None:
        self._trusted = trusted
        self._citations = citations
        self._tail = ""
        self._open: list[Node] = []
        self._plain = False
        self._parsed = 0  # characters of the tail that the page shows
        self.unlinked = 0  # links and images of finished blocks that are shown as text

    def feed(self, piece: str) -> dict[str, Any] | None:
        """Return the update for the next piece, or None when the page does not change."""
        if self._plain and _PLAIN.fullmatch(piece) and self._parsed == len(self._tail):
            self._tail += piece
            self._parsed = len(self._tail)
            return self._append_plain(piece)
        self._tail += piece
        # a long open block is read anew only when it has grown by a part of itself: the work stays linear
        if len(self._tail) > _LONG and len(self._tail) - self._parsed < self._parsed // _PART:
            return None
        self._parsed = len(self._tail)
        tokens = parse_blocks(self._tail)
        starts = [index for index, token in enumerate(tokens) if token.level == 0 and token.nesting >= 0]
        done: list[Node] = []
        if len(starts) > 1:
            last = tokens[starts[-1]].map
            lines = _LINE.findall(self._tail)
            if last is not None and lines[last[0]].endswith(("\n", "\r")):
                done = self._build(tokens[: starts[-1]], colour=True)
                self._tail = "".join(lines[last[0] :])
                self._parsed = len(self._tail)
                tokens = parse_blocks(self._tail)
        self._plain = bool(_PLAIN_START.fullmatch(self._tail)) and not self._tail.endswith(" ")
        return self._update(done, self._build(tokens, colour=False))

    def finish(self, rest: str = "") -> dict[str, Any]:
        """Return the last update, `rest` in it: the open block becomes final."""
        done = self._build(parse_blocks(self._tail + rest), colour=True)
        self._tail, self._open, self._plain, self._parsed = "", [], False, 0
        return {"done": done, "open": []}

    def _append_plain(self, piece: str) -> dict[str, Any]:
        cast(list[Any], self._open[-1])[-1] += piece
        return {"text": piece}

    def _update(self, done: list[Node], now: list[Node]) -> dict[str, Any] | None:
        before, self._open = self._open, now
        if not done:
            if now == before:
                return None
            added = added_text(before, now)
            return {"open": now} if added is None else {"text": added}
        return {"done": done, "open": now}

    def _build(self, tokens: list[Any], *, colour: bool) -> list[Node]:
        nodes = build_nodes(tokens, self._trusted, self._citations, colour=colour)
        if colour:  # final: every block comes by here once
            self.unlinked += count_unlinked(tokens, nodes)
        return nodes


def added_text(before: list[Any], now: list[Any]) -> str | None:
    """Return what was added when `now` is `before` with its very last text made longer, else None."""
    if not before or len(before) != len(now) or before[:-1] != now[:-1]:
        return None
    old, new = before[-1], now[-1]
    if isinstance(old, str) and isinstance(new, str):
        return new[len(old) :] if new.startswith(old) else None
    if isinstance(old, list) and isinstance(new, list) and old[:2] == new[:2]:
        return added_text(old[2:], new[2:])
    return None
