"""Keeps a reasoning model's thoughts apart from its answer: they are neither shown, nor stored, nor sent back.

Most endpoints give thoughts in a field of their own. Some write them into the answer, between marks at its beginning; a
model whose template begins the thoughts itself writes the closing mark only (setting `starts_thinking`).
"""

_MARKS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<reasoning>", "</reasoning>"),
    ("[THINK]", "[/THINK]"),
    ("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),
)
_MAX_SPACE = 1000


class ThoughtFilter:
    """Takes an answer in pieces of any size and gives back what is not thought."""

    def __init__(self, *, starts_thinking: bool = False) -> None:
        self._begins = not starts_thinking
        self._closing = _MARKS[0][1] if starts_thinking else ""
        self._held = ""
        self._trims = False

    def feed(self, text: str) -> str:
        """Return the part of the answer that has become certain."""
        if self._begins:
            text = self._begin(text)
        if self._closing:
            text = self._skip(text)
        if self._trims and text:
            text = text.lstrip()
            self._trims = not text
        return text

    def finish(self) -> str:
        """Return what was held back in case that it was a mark."""
        held, self._held = self._held, ""
        return "" if self._closing else held

    def _begin(self, text: str) -> str:
        self._held += text
        start = self._held.lstrip()
        if not start:
            self._held = self._held[:_MAX_SPACE]
        for opening, closing in _MARKS:
            if start.startswith(opening):
                self._begins, self._closing, self._held = False, closing, ""
                return start[len(opening) :]
        if not start or any(opening.startswith(start) for opening, _ in _MARKS):
            return ""  # it may become a mark
        self._begins = False
        text, self._held = self._held, ""
        return text

    def _skip(self, text: str) -> str:
        """Leave out thoughts; keep as much of their end as may be the beginning of the closing mark."""
        self._held += text
        _, found, behind = self._held.partition(self._closing)
        if not found:
            self._held = self._held[1 - len(self._closing) :]
            return ""
        self._closing, self._held, self._trims = "", "", True
        return behind
