"""A document's text under its headings, as it grows line by line."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from chatbot.retrieval.notes import Note, Notes

MOST_CHARACTERS = 4_000_000
_MOST_TITLE, _MOST_LEVELS = 120, 6
# a longer row is written as several paragraphs, each beginning with the row's first value
_MAX_ROW_CHARACTERS, _MAX_KEY_CHARACTERS = 1000, 200


class TooMuchText(Exception):
    """The document holds more than `MOST_CHARACTERS`."""


@dataclass(frozen=True, slots=True)
class Section:
    """The headings above a text, and the text."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What a document says, how many characters its reader would not have seen (they are left out), and notes."""

    sections: list[Section]
    hidden: int = 0
    notes: Notes = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Say whether there is no text at all."""
        return not any(section.text.strip() for section in self.sections)


class Outline:
    """Collects headings and lines. Raises `TooMuchText` beyond `MOST_CHARACTERS`."""

    def __init__(self) -> None:
        self._path: list[tuple[int, str]] = []
        self._sections: list[tuple[str, list[str]]] = [("", [])]
        self._resumes = False
        self._room = MOST_CHARACTERS
        self.notes: Notes = {}

    def heading(self, level: int, title: str) -> None:
        """Begin a section below the last heading of a smaller level. The smallest level is 0, a document's title."""
        title = _short(title)
        if not title:
            return
        level = min(level, _MOST_LEVELS)
        # pages often say their title again as the first heading
        self._path = [entry for entry in self._path if entry[0] < level and entry[1] != title] + [(level, title)]
        self._take(title)
        self._begin()

    def line(self, text: str) -> None:
        """Add a line to the section."""
        self._take(text)
        if self._resumes:
            self._begin()
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
        for part in _row_parts(cells, "; " if names else " | "):
            self.paragraph(part)

    def begin_table(self, caption: str) -> None:
        """Put the rows that follow below the table's caption, so that each passage of a long table carries it."""
        caption = _short(caption)
        if caption:
            self._take(caption)
            self._begin(caption)

    def end_table(self) -> None:
        """Come back to the section that the table stands in."""
        self._resumes = len(self._sections) > 1 and self._sections[-1][0] != self._title()

    def note(self, note: Note, count: int = 1) -> None:
        """Count something that is not read."""
        if count:
            self.notes[note] = int(self.notes.get(note, 0)) + count

    @property
    def sections(self) -> list[Section]:
        """The sections that have text, or a heading of their own."""
        return [Section(title, "\n".join(lines)) for title, lines in self._sections if title or lines]

    def _begin(self, *more: str) -> None:
        self._resumes = False
        self._sections.append((self._title(*more), []))

    def _title(self, *more: str) -> str:
        return " › ".join([*(title for _, title in self._path), *more])

    def _take(self, text: str) -> None:
        self._room -= len(text) + 1
        if self._room < 0:
            raise TooMuchText


def _short(title: str) -> str:
    return " ".join(title.split())[:_MOST_TITLE]


def _row_parts(cells: list[str], mark: str) -> list[str]:
    """Join a row's cells; a long row in several parts, each with its first cell, so that each can stand by itself."""
    parts: list[str] = []
    length = 0
    key = cells[0] if cells and len(cells[0]) <= _MAX_KEY_CHARACTERS else ""
    start = 0
    for place, cell in enumerate(cells):
        if length and length + len(mark) + len(cell) > _MAX_ROW_CHARACTERS:
            parts.append(mark.join([key, *cells[start:place]] if start and key else cells[start:place]))
            start, length = place, len(key)
        length += len(mark) + len(cell)
    if start < len(cells):
        parts.append(mark.join([key, *cells[start:]] if start and key else cells[start:]))
    return parts
