"""Renders an answer while it arrives: finished blocks once, the open block again and again.

What the page shows after the last piece equals what history shows: a block counts as finished only when
the line that begins the next one is complete, since only then can nothing that follows change it.
An answer may be one open block of 64,000 characters, whose reading takes seconds. So a piece that is added is only
kept; reading is for a thread (`chatbot/limits/heavy.py`) unless little is open, and is due when it would take a small
share of the time: however long the block, and however fast it comes, all readings together are a tenth of the time,
and one at the end.
"""

import re
import time
from collections.abc import Callable
from typing import Any, cast

from chatbot.chat.nodes import Node, build_nodes, count_unlinked, parse_blocks

# inside a paragraph that is nothing but such characters, more of them are only more text
_PLAIN_START = re.compile(r"[A-Za-z][A-Za-z0-9 ,.;:?'\"()%/$-]*")
# lines as Markdown counts them; str.splitlines knows more separators
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_PLAIN = re.compile(r"[A-Za-z0-9 ,.;:?'\"()%/$-]+")
_SHORT = 300  # characters
_PAUSE = 10  # times as long as the last reading took
_MAX_COMPARED = 4000  # characters; the nodes of a longer open block take megabytes, and are not kept to be compared


class AnswerRenderer:
    """Turns pieces of Markdown into updates for the page.

    An update is a dictionary with one or more of `done` (nodes that are final, to be added before the open
    block), `open` (nodes that replace the open block), and `text` (characters to be added to the last text
    of the open block). `clock` counts seconds.
    """

    def __init__(self, trusted: frozenset[str], citations: int, clock: Callable[[], float] = time.perf_counter) -> None:
        self._trusted = trusted
        self._citations = citations
        self._clock = clock
        self._tail = ""  # the open block, as far as the page shows it
        self._added: list[str] = []  # what came since
        self._open: list[Node] | None = []
        self._plain = False
        self._due_at = 0.0
        self.unlinked = 0  # links and images of finished blocks that are shown as text

    def add(self, piece: str) -> dict[str, Any] | None:
        """Take the next piece; return its update when it takes no reading."""
        if self._plain and not self._added and _PLAIN.fullmatch(piece):
            self._tail += piece
            cast(list[Any], cast(list[Node], self._open)[-1])[-1] += piece
            return {"text": piece}
        self._added.append(piece)
        return None

    @property
    def is_behind(self) -> bool:
        """Whether something was added that the page does not show."""
        return bool(self._added)

    @property
    def is_due(self) -> bool:
        """Whether to read what was added: `read` then takes a small share of the time that went by."""
        return self.is_behind and self._clock() >= self._due_at

    @property
    def is_short(self) -> bool:
        """Whether reading takes three milliseconds at worst: giving it to a thread takes about as long."""
        return len(self._tail) + sum(map(len, self._added)) <= _SHORT

    def read(self) -> dict[str, Any] | None:
        """Return the update for what was added, or None when the page does not change."""
        begun = self._clock()
        update = self._read()
        now = self._clock()
        self._due_at = now + _PAUSE * (now - begun)
        return update

    def finish(self) -> dict[str, Any]:
        """Return the last update: the open block becomes final."""
        done = self._build(parse_blocks(self._take()), colour=True)
        self._tail, self._open, self._plain = "", [], False
        return {"done": done, "open": []}

    def _take(self) -> str:
        self._tail += "".join(self._added)
        self._added.clear()
        return self._tail

    def _read(self) -> dict[str, Any] | None:
        tokens = parse_blocks(self._take())
        starts = [index for index, token in enumerate(tokens) if token.level == 0 and token.nesting >= 0]
        done: list[Node] = []
        if len(starts) > 1:
            last = tokens[starts[-1]].map
            lines = _LINE.findall(self._tail)
            if last is not None and lines[last[0]].endswith(("\n", "\r")):
                done = self._build(tokens[: starts[-1]], colour=True)
                self._tail = "".join(lines[last[0] :])
                tokens = parse_blocks(self._tail)
        self._plain = bool(_PLAIN_START.fullmatch(self._tail)) and not self._tail.endswith(" ")
        return self._update(done, self._build(tokens, colour=False))

    def _update(self, done: list[Node], now: list[Node]) -> dict[str, Any] | None:
        before = self._open
        self._open = now if self._plain or len(self._tail) <= _MAX_COMPARED else None
        if not done and before is not None:
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
