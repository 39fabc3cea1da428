"""The rows of a delimited text file (CSV, TSV), each value behind its column's name. Runs confined.

As spreadsheets write it: comma, semicolon, tab or bar, found by which one parts the rows evenly outside of quotes; line
breaks and doubled quotes in quoted cells; title lines above the names; a first line `sep=;`. Tolerant where RFC 4180 is
broken: a row with an unclosed quote is read as it stands, and the owner is told.
"""

import csv
from collections import Counter
from collections.abc import Iterator

from chatbot.retrieval.notes import Note
from chatbot.retrieval.outline import Outline
from chatbot.retrieval.parsing.grid import MAX_COLUMNS

_DELIMITERS = ",;\t|"
_SAMPLE_LINES = 200
_MAX_FIELD = 131_072
# how many lines a quoted cell may span, and how many rows are repaired before quotes are taken as letters throughout
_MAX_CELL_LINES, _MAX_REPAIRS = 200, 50
_MAX_NAME = 120
_MIN_COLUMNS = 2


def read_delimited(text: str) -> Outline:
    """Return the file's rows. Raises `TooMuchText`."""
    csv.field_size_limit(_MAX_FIELD)
    # not str.splitlines(): it also splits at letters that stand in cells, such as U+2028 and a form feed
    lines = text.split("\n")
    delimiter = ""
    if lines[0][:4].lower() == "sep=" and len(lines[0].strip()) == len("sep=;"):
        delimiter, lines = lines[0][4], lines[1:]
    delimiter = delimiter or _find_delimiter(lines[:_SAMPLE_LINES])
    outline = Outline()
    records = _Records(lines, delimiter)
    _write(records, outline)
    outline.note(Note.QUOTES, records.repaired)
    return outline


def _find_delimiter(lines: list[str]) -> str:
    """Return the mark that gives the most rows one same width above one; of equals, the one that gives more columns."""

    def evenness(mark: str) -> tuple[float, int]:
        widths = Counter(len(record) for record in _Records(lines, mark) if any(record))
        width, count = max(widths.items(), key=lambda item: (item[1] * (item[0] > 1), item[0]), default=(1, 0))
        return (count / widths.total(), width) if width > 1 else (0.0, 0)

    return max(_DELIMITERS, key=evenness)


class _Records:
    """The records of the lines. A record that breaks the rules is its first line, with quotes as letters."""

    def __init__(self, lines: list[str], delimiter: str) -> None:
        self._lines = lines
        self._delimiter = delimiter
        self.repaired = 0

    def __iter__(self) -> Iterator[list[str]]:
        place = 0
        while place < len(self._lines):
            for record, used in self._read(place):
                place += used
                yield record
            if place < len(self._lines):
                self.repaired += 1
                yield next(
                    csv.reader([self._lines[place][:_MAX_FIELD]], delimiter=self._delimiter, quoting=csv.QUOTE_NONE), []
                )
                place += 1

    def _read(self, place: int) -> Iterator[tuple[list[str], int]]:
        """Yield records and how many lines each took, up to the first that breaks the rules."""
        if self.repaired >= _MAX_REPAIRS:
            reader = csv.reader(self._lines[place:], delimiter=self._delimiter, quoting=csv.QUOTE_NONE)
            for record in reader:
                yield record, 1
            return
        # each line keeps its end, so that a break within a cell is seen as one
        ended = (f"{self._lines[at]}\n" for at in range(place, len(self._lines)))
        reader = csv.reader(ended, delimiter=self._delimiter)
        before = 0
        while True:
            try:
                record = next(reader)
            except (StopIteration, csv.Error):
                return
            used = reader.line_num - before
            before = reader.line_num
            if used > 1 and (used > _MAX_CELL_LINES or self._is_unclosed(place, used)):
                return
            place += used
            yield record, used

    def _is_unclosed(self, place: int, used: int) -> bool:
        """Say whether a record over several lines ended only because the file did."""
        return place + used >= len(self._lines) and "".join(self._lines[place:]).count('"') % 2 == 1


def _write(records: _Records, outline: Outline) -> None:
    pending: list[list[str]] = []
    names: list[str] | None = None
    lost = 0
    for record in records:
        cells = [" ".join(cell.split()) for cell in record]
        lost = max(lost, len(cells) - MAX_COLUMNS)
        cells = cells[:MAX_COLUMNS]
        if not any(cells):
            continue
        if names is not None:
            is_remark = len([cell for cell in cells if cell]) == 1 and cells[0] and len(names) > _MIN_COLUMNS
            outline.paragraph(cells[0]) if is_remark and len(cells) == 1 else outline.row(names, cells)
        elif len([cell for cell in cells if cell]) >= _MIN_COLUMNS:
            outline.begin_table(" ".join(row[0] for row in pending if row))
            names = [name[:_MAX_NAME] for name in cells]
        else:
            pending.append([cell for cell in cells if cell])
    if names is None:  # one column: its first line may be its name, and nothing would be won by saying it
        for row in pending:
            outline.paragraph(row[0])
    elif not any(line for section in outline.sections for line in section.text.split("\n")):
        outline.paragraph(", ".join(filter(None, names)))
    outline.note(Note.COLUMNS, max(0, lost))
