"""How a Word document's text looks: hidden, in the paper's colour, too small, a heading, a list's item.

What a paragraph or run does not say itself, its style says, or the style that this one is based on. Themes and
conditional table styles are not followed: a colour that comes from there counts as visible.
"""

import re
from functools import cached_property
from typing import Any

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_HEADING_NAME = re.compile(r"^heading ([1-9])$", re.IGNORECASE)
_COLOUR = re.compile(r"^[0-9a-fA-F]{6}$")
_NUMBER = re.compile(r"-?\d{1,9}(?:\.\d{1,4})?")
_PAPER = "FFFFFF"
# ECMA-376 part 1, section 17.18.40
_HIGHLIGHTS = {
    "black": "000000", "blue": "0000FF", "cyan": "00FFFF", "darkBlue": "000080", "darkCyan": "008080",
    "darkGray": "808080", "darkGreen": "008000", "darkMagenta": "800080", "darkRed": "800000", "darkYellow": "808000",
    "green": "00FF00", "lightGray": "C0C0C0", "magenta": "FF00FF", "red": "FF0000", "white": "FFFFFF",
    "yellow": "FFFF00",
}  # fmt: skip
# of 255, in every channel: closer to what is behind it, text is not seen
_LEAST_CONTRAST = 24
# half-points: less than two points high; of the usual width, in percent; of lines and rows, and from the page, in twips
_MOST_TINY = 3
_MOST_NARROW, _MOST_FLAT, _MOST_AWAY = 5, 40, 12_000
_MOST_BASES = 20
_OUTLINE_LEVELS = 9
_OFF = ("0", "false", "off")


def _value(parent: Any, *path: str) -> str | None:
    """Return the value of an element below a path of names; an empty one for a mark without a value."""
    for name in path:
        parent = parent.find(f"{_W}{name}") if parent is not None else None
    return None if parent is None else str(parent.get(f"{_W}val", ""))


class Looks:
    """Answers for one document, whose `w:styles` element is given; None where it has none."""

    def __init__(self, styles: Any) -> None:
        found = [] if styles is None else styles.findall(f"{_W}style")
        self._styles = {str(style.get(f"{_W}styleId")): style for style in found}
        self._defaults = None if styles is None else styles.find(f"{_W}docDefaults/{_W}rPrDefault")
        self._known: dict[tuple[str, tuple[str, ...]], str | None] = {}

    def is_hidden(self, run: Any, paragraph: Any, fill: str | None) -> bool:
        """Say whether a run's text cannot be seen on `fill`, the colour of the cell that it stands in."""
        for mark in ("vanish", "webHidden"):
            told = self._of_run(run, paragraph, mark)
            if told is not None and told not in _OFF:
                return True
        size = self._of_run(run, paragraph, "sz")
        if _number(size, _MOST_TINY + 1) * (2 if (size or "").endswith("pt") else 1) <= _MOST_TINY:
            return True
        if 0 < _number(self._of_run(run, paragraph, "w"), 100) <= _MOST_NARROW or _is_away(paragraph):
            return True
        colour = self._of_run(run, paragraph, "color")
        marked = _HIGHLIGHTS.get(self._of_run(run, paragraph, "highlight") or "")
        behind = marked or _fill(run, "rPr") or _fill(paragraph, "pPr") or fill or _PAPER
        return colour is not None and _COLOUR.match(colour) is not None and not _contrasts(colour, behind)

    def is_hidden_row(self, row: Any) -> bool:
        """Say whether a table's row is hidden, deleted, or too flat to show a line."""
        for mark in ("hidden", "del"):
            told = _value(row, "trPr", mark)
            if told is not None and told not in _OFF:
                return True
        height = row.find(f"{_W}trPr/{_W}trHeight")
        return (
            height is not None
            and height.get(f"{_W}hRule") == "exact"
            and _number(height.get(f"{_W}val"), 0) <= _MOST_FLAT
        )

    def heading_level(self, paragraph: Any) -> int | None:
        """Return 1 for the topmost kind of heading and so on, None for what is no heading."""
        level = self._of_paragraph(paragraph, "outlineLvl")
        if level is not None and level.isdecimal() and int(level[:3]) < _OUTLINE_LEVELS:
            return int(level) + 1
        name = self._style_name(paragraph)
        found = _HEADING_NAME.match(name)
        return int(found[1]) if found else 0 if name == "title" else None

    def list_item(self, paragraph: Any) -> tuple[str, int] | None:
        """Return the list and the level of a paragraph with a bullet or a number before it, else None."""
        told = self._of_paragraph(paragraph, "numPr", "numId")
        if told in (None, "", "0"):
            return None
        level = self._of_paragraph(paragraph, "numPr", "ilvl") or "0"
        return str(told), int(level) if level.isdecimal() and len(level) == 1 else 0

    def is_bold(self, run: Any, paragraph: Any) -> bool:
        """Say whether a run is set in bold."""
        told = self._of_run(run, paragraph, "b")
        return told is not None and told not in _OFF

    def is_caption(self, paragraph: Any) -> bool:
        """Say whether a paragraph is the caption of a table or figure."""
        return self._style_name(paragraph) == "caption"

    def has_names(self, table: Any, row: Any) -> bool:
        """Say whether the first row gives the columns' names: it is repeated on each page, or set off by the style."""
        if self.is_repeated(row):
            return True
        look = table.find(f"{_W}tblPr/{_W}tblLook")
        styled = _value(table, "tblPr", "tblStyle") is not None
        return styled and look is not None and look.get(f"{_W}firstRow", "0") not in _OFF

    def is_repeated(self, row: Any) -> bool:
        """Say whether a row is repeated at the top of each page."""
        return (_value(row, "trPr", "tblHeader") or "0" if _value(row, "trPr", "tblHeader") != "" else "1") not in _OFF

    def fill_of_cell(self, cell: Any) -> str | None:
        """Return the colour behind a cell's text, None for the paper's."""
        return _fill(cell, "tcPr")

    def _style_name(self, paragraph: Any) -> str:
        style = self._styles.get(_value(paragraph, "pPr", "pStyle") or "")
        return (_value(style, "name") or "").lower()

    def _of_run(self, run: Any, paragraph: Any, name: str) -> str | None:
        own = _value(run, "rPr", name)
        if own is not None:
            return own
        for style in (_value(run, "rPr", "rStyle"), _value(paragraph, "pPr", "pStyle")):
            told = self._of_style(style or "", "rPr", name)
            if told is not None:
                return told
        told = self._of_style(self._default_paragraph_style, "rPr", name)
        return _value(self._defaults, "rPr", name) if told is None else told

    def _of_paragraph(self, paragraph: Any, *path: str) -> str | None:
        own = _value(paragraph, "pPr", *path)
        return self._of_style(_value(paragraph, "pPr", "pStyle") or "", "pPr", *path) if own is None else own

    def _of_style(self, identifier: str, *path: str) -> str | None:
        key = (identifier, path)
        if key not in self._known:
            self._known[key] = self._look_up(identifier, path)
        return self._known[key]

    def _look_up(self, identifier: str, path: tuple[str, ...]) -> str | None:
        for _ in range(_MOST_BASES):  # a style can be based on itself
            style = self._styles.get(identifier)
            if style is None:
                return None
            told = _value(style, *path)
            if told is not None:
                return told
            identifier = _value(style, "basedOn") or ""
        return None

    @cached_property
    def _default_paragraph_style(self) -> str:
        for identifier, style in self._styles.items():
            if style.get(f"{_W}type") == "paragraph" and style.get(f"{_W}default", "0") not in _OFF:
                return identifier
        return ""


def _number(text: str | None, default: float) -> float:
    plain = (text or "").removesuffix("pt").removesuffix("%")[:12]
    return float(plain) if _NUMBER.fullmatch(plain) else default


def _is_away(paragraph: Any) -> bool:
    """Say whether a paragraph's lines are flat, or its frame or indent is beyond the page."""
    spacing, frame, indent = (paragraph.find(f"{_W}pPr/{_W}{name}") for name in ("spacing", "framePr", "ind"))
    if (
        spacing is not None
        and spacing.get(f"{_W}lineRule") == "exact"
        and _number(spacing.get(f"{_W}line"), 240) <= _MOST_FLAT
    ):
        return True
    places = [(frame, "x"), (frame, "y"), (indent, "left"), (indent, "start"), (indent, "firstLine"), (indent, "right")]
    return any(at is not None and abs(_number(at.get(f"{_W}{name}"), 0)) > _MOST_AWAY for at, name in places)


def _fill(element: Any, properties: str) -> str | None:
    shade = element.find(f"{_W}{properties}/{_W}shd")
    name = "color" if shade is not None and shade.get(f"{_W}val") == "solid" else "fill"
    colour = shade.get(f"{_W}{name}", "") if shade is not None else ""
    return colour if _COLOUR.match(colour) else None


def _contrasts(first: str, second: str) -> bool:
    channels = [(int(first[place : place + 2], 16), int(second[place : place + 2], 16)) for place in (0, 2, 4)]
    return any(abs(one - other) >= _LEAST_CONTRAST for one, other in channels)
