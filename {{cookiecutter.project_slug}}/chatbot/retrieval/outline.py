"""A document's text under its headings, as it grows line by line."""

from collections.abc import Sequence
from dataclasses import dataclass

MOST_CHARACTERS = 4_000_000
_MOST_TITLE, _MOST_LEVELS = 120, 6


class TooMuchText(Exception):
    """The document holds more than `MOST_CHARACTERS`."""


@dataclass(frozen=True, slots=True)
class Section:
    """The headings above a text, and the text."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What a document says, and how many characters its reader would not have seen: those are left out."""

    sections: list[Section]
    hidden: int = 0

    @property
    def is_empty(self) -> bool:
        """Say whether there is no text at all."""
        return not any(section.text.strip() for section in self.sections)


class Outline:
    """Collects headings and lines. Raises `TooMuchText` beyond `MOST_CHARACTERS`."""

    def __init__(self) -> None:
        self._path: list[tuple[int, str]] = []
        self._sections: list[tuple[str, list[str]]] = [("", [])]
        self._room = MOST_CHARACTERS

    def heading(self, level: int, title: str) -> None:
        """Begin a section below the last heading of a smaller level. The smallest level is 0, a document's title."""
        title = " ".join(title.split())[:_MOST_TITLE]
        if not title:
            return
        level = min(level, _MOST_LEVELS)
        # pages often say their title again as the first heading
        self._path = [entry for entry in self._path if entry[0] < level and entry[1] != title] + [(level, title)]
        self._take(title)
        self._sections.append((" › ".join(title for _, title in self._path), []))

    def line(self, text: str) -> None:
        """Add a line to the section."""
        self._take(text)
        self._sections[-1][1].append(text)

    def paragraph(self, text: str) -> None:
        """Add a text that stands by itself, unless it is blank."""
        if text.strip():
            self.line(text)
            self.line("")

    def row(self, names: Sequence[str], values: Sequence[str]) -> None:
        """Add a table's row as a paragraph: each value behind its column's name, where the columns have names."""
        if names:
            known = [*names, *("more" for _ in values[len(names) :])][: len(values)]
            cells = [f"{name}: {value}" if name else value for name, value in zip(known, values, strict=True) if value]
        else:
            cells = [value for value in values if value]
        self.paragraph(("; " if names else " | ").join(cells))

    @property
    def sections(self) -> list[Section]:
        """The sections that have text, or a heading of their own."""
        return [Section(title, "\n".join(lines)) for title, lines in self._sections if title or lines]

    def _take(self, text: str) -> None:
        self._room -= len(text) + 1
        if self._room < 0:
            raise TooMuchText
