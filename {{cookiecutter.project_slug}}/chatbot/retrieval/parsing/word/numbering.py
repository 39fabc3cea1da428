"""The numbers and bullets that Word puts before list items: they are in no text, and computed from the styles.

Source: ECMA-376 part 1, section 17.9 (numbering).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chatbot.retrieval.parsing.markers import to_letters, to_roman

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_PLACE = re.compile(r"%([1-9])")
_LEVELS = 9
_MAX_NUMBER, _MAX_DIGITS = 10**6, 9
_FIGURES: dict[str, Callable[[int], str]] = {
    "lowerLetter": to_letters,
    "upperLetter": lambda number: to_letters(number).upper(),
    "lowerRoman": to_roman,
    "upperRoman": lambda number: to_roman(number).upper(),
    "decimalZero": lambda number: f"{number:02d}",
    "none": lambda _: "",
}
# letters of symbol fonts: what stands in the text is a code, not the mark
_UNMARKED = ("bullet", "none")


@dataclass(frozen=True, slots=True)
class _Level:
    start: int
    figure: str
    text: str
    legal: bool


class Numbering:
    """Counts the items of a document's lists. `root` is the numbering part, None if the document has no such part."""

    def __init__(self, root: Any) -> None:
        self._lists: dict[str, tuple[str, dict[int, _Level]]] = {}
        self._counts: dict[str, list[int | None]] = {}
        if root is not None:
            self._read(root)

    def next_mark(self, number: str, level: int) -> str:
        """Return the mark of the next item of a list, with a space behind it: `3. `, `2.1 `, or `- `."""
        name, levels = self._lists.get(number, ("", {}))
        own = levels.get(level)
        if own is None or own.figure in _UNMARKED or not 0 <= level < _LEVELS:
            return "- "
        counts = self._counts.setdefault(name, [None] * _LEVELS)
        before = counts[level]
        counts[level] = own.start if before is None else before + 1
        counts[level + 1 :] = [None] * (_LEVELS - level - 1)
        for above in range(level):  # an item below one that never came
            if counts[above] is None:
                counts[above] = levels[above].start if above in levels else 1
        mark = _PLACE.sub(
            lambda found: self._figure(levels, counts, int(found[1]) - 1, legal=own.legal), own.text
        ).strip()
        return f"{mark} " if mark else ""

    def _figure(self, levels: dict[int, _Level], counts: list[int | None], level: int, *, legal: bool) -> str:
        figure = levels[level].figure if level in levels and not legal else "decimal"
        return _FIGURES.get(figure, str)(counts[level] or 0)

    def _read(self, root: Any) -> None:
        kinds = {str(kind.get(f"{_W}abstractNumId")): kind for kind in root.iter(f"{_W}abstractNum")}
        for own in root.iter(f"{_W}num"):
            number = str(own.get(f"{_W}numId"))
            kind = kinds.get(_value(own, "abstractNumId"))
            levels = {} if kind is None else _levels_of(kind)
            restarts = False
            for change in own.iter(f"{_W}lvlOverride"):
                level = _integer(change.get(f"{_W}ilvl"), 0)
                levels |= _levels_of(change)
                start = _value(change, "startOverride")
                restarts = restarts or bool(start)
                if start and level in levels:
                    old = levels[level]
                    levels[level] = _Level(_integer(start, 1), old.figure, old.text, old.legal)
            # lists of one kind go on counting, unless one says that it begins again
            name = f"{number} restarted" if restarts else _value(own, "abstractNumId")
            self._lists[number] = (name, levels)


def _levels_of(parent: Any) -> dict[int, _Level]:
    return {
        _integer(level.get(f"{_W}ilvl"), 0): _Level(
            _integer(_value(level, "start"), 1),
            _value(level, "numFmt"),
            _value(level, "lvlText"),
            level.find(f"{_W}isLgl") is not None,
        )
        for level in parent.findall(f"{_W}lvl")
    }


def _value(parent: Any, name: str) -> str:
    found = parent.find(f"{_W}{name}")
    return "" if found is None else str(found.get(f"{_W}val", ""))


def _integer(text: str | None, default: int) -> int:
    return (
        min(int(text), _MAX_NUMBER) if text and text.isascii() and text[:9].isdecimal() and len(text) <= 9 else default
    )
