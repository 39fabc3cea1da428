"""A table on its grid: which value stands under which column's name, whatever its cells span.

A cell that spans rows stands in each of them; one that spans columns stands under the name of each. A row that is one
cell over the whole width is a heading within the table: the rows below it begin with it. Without this, the values of a
table with merged cells shift under other columns' names: a false fact with a citation.
Source: HTML Living Standard, section 4.9.12 (forming a table); ECMA-376 part 1, sections 17.4.17 and 17.4.84.
"""

from dataclasses import dataclass
from itertools import pairwise

from chatbot.retrieval.notes import Note
from chatbot.retrieval.outline import Outline, TooMuchText

# as HTML allows at most, and what a process can hold
MAX_COLUMNS = 1000
_MAX_SLOTS = 500_000
_MAX_NAME, _MAX_REPEATED = 120, 60
_MIN_NAMED = 2


@dataclass(slots=True, eq=False)
class Cell:
    """A cell of the table; it stands in every slot that it spans. `heading` says that it names a row or column."""

    text: str
    heading: bool = False


EMPTY = Cell("")


class Grid:
    """Takes a table's cells row by row, and writes its rows when it is whole."""

    def __init__(self) -> None:
        self._rows: list[list[Cell]] = []
        self._row: list[Cell] = []
        self._spanning: dict[int, tuple[Cell, int]] = {}
        self._heading_rows = 0
        self._slots = 0
        self._lost = 0

    @property
    def is_empty(self) -> bool:
        """Say whether no cell has been taken."""
        return not self._rows and not self._row

    @property
    def has_data(self) -> bool:
        """Say whether a row holds several cells: it is no frame around other content."""
        return any(len(set(map(id, row))) > 1 for row in [*self._rows, self._row])

    def cell(self, text: str, *, columns: int = 1, rows: int = 1, heading: bool = False) -> None:
        """Take the next cell of the row. `columns` and `rows` are how many it spans."""
        self._fill()
        cell = Cell(" ".join(text.split()), heading)
        for _ in range(min(columns, MAX_COLUMNS)):
            self._put(cell, rows)
        self._lost += max(0, columns - MAX_COLUMNS)

    def skip(self, columns: int) -> None:
        """Leave columns of this row empty."""
        for _ in range(min(columns, MAX_COLUMNS)):
            self._put(EMPTY, 1)

    def continue_above(self, columns: int) -> None:
        """Take a cell that continues the one above it."""
        above = self._rows[-1] if self._rows else []
        for _ in range(min(columns, MAX_COLUMNS)):
            self._put(above[len(self._row)] if len(self._row) < len(above) else EMPTY, 1)

    def end_row(self, *, heading: bool = False) -> None:
        """End the row. `heading` says that it gives the columns' names; it counts only at the table's top."""
        self._fill()
        if self._row:
            if heading and self._heading_rows == len(self._rows):
                self._heading_rows += 1
            self._rows.append(self._row)
            self._row = []

    @property
    def width(self) -> int:
        """How many columns there are."""
        return max(map(len, self._rows), default=0)

    @property
    def has_names(self) -> bool:
        """Say whether rows at the top give the columns' names."""
        return self._count_heading_rows() > 0

    @property
    def names(self) -> list[str]:
        """The columns' names, empty ones where they have none."""
        top = self._rows[: self._count_heading_rows()]
        return [
            _name([row[column] for row in top if column < len(row) and not _is_one_cell(row, self.width)])
            for column in range(self.width)
        ]

    def name(self, names: list[str]) -> None:
        """Give the columns names: the table goes on with another."""
        self._rows.insert(0, [Cell(name, heading=True) for name in names])
        self._heading_rows = 1

    def write(self, outline: Outline, caption: str = "") -> None:
        """Write the rows into the outline."""
        self.end_row()
        width, names = self.width, self.names
        heading_rows = self._count_heading_rows()
        top = self._rows[:heading_rows]
        # a heading over all columns names the table, not its columns
        titles = [row[0].text for row in top if _is_one_cell(row, width)]
        caption = " ".join(filter(None, [caption, *titles]))
        outline.begin_table(caption)
        self._write_rows(outline, self._rows[heading_rows:], names if any(names) else [], width)
        if heading_rows == len(self._rows):
            outline.paragraph(", ".join(filter(None, names)))
        outline.end_table()
        outline.note(Note.COLUMNS, self._lost)

    def _write_rows(self, outline: Outline, rows: list[list[Cell]], names: list[str], width: int) -> None:
        group = ""
        for place, row in enumerate(rows):
            if _is_one_cell(row, width) and width > 1:
                group = row[0].text
                if place + 1 == len(rows) or _is_one_cell(rows[place + 1], width):
                    outline.paragraph(group)
                    group = ""
                continue
            pairs = _pairs(row, names)
            if not names and len(row) == _MIN_NAMED and row[0].heading and not row[1].heading:
                pairs = [(row[0].text, row[1].text)]  # a name and its value in each row
            if group:
                pairs.insert(0, ("", group))
            outline.row(
                [name for name, _ in pairs] if any(name for name, _ in pairs) else [], [text for _, text in pairs]
            )

    def _count_heading_rows(self) -> int:
        """Return how many rows give names: those marked so, or else the first ones of nothing but headings."""
        count = self._heading_rows
        while count < len(self._rows) and all(cell.heading for cell in self._rows[count] if cell.text):
            if not any(cell.text for cell in self._rows[count]):
                break
            count += 1
        # a table of headings only is a list; one column of them has nothing to name
        if count == len(self._rows) and self._heading_rows < count and (count > 1 or len(self._rows[0]) < _MIN_NAMED):
            return 0
        return count or _guess_heading_rows(self._rows, self.width)

    def _fill(self) -> None:
        """Put what spans down from above into the next free slots."""
        while (spanning := self._spanning.get(len(self._row))) is not None:
            cell, rows = spanning
            self._spanning.pop(len(self._row))
            self._put(cell, rows)

    def _put(self, cell: Cell, rows: int) -> None:
        if len(self._row) >= MAX_COLUMNS:
            self._lost += bool(cell.text)
            return
        if rows > 1:
            self._spanning[len(self._row)] = (cell, rows - 1)
        self._row.append(cell)
        self._slots += 1
        if self._slots > _MAX_SLOTS:
            raise TooMuchText


def _guess_heading_rows(rows: list[list[Cell]], width: int) -> int:
    """Return how many rows name the columns though nothing marks them: words, above a column of figures."""
    if width < _MIN_NAMED or not rows:
        return 0
    count = 1
    if len(rows[0]) == width and len(rows) > _MIN_NAMED:
        across = any(one is two and one.text for one, two in pairwise(rows[0]))
        down = len(rows[1]) == width and any(one is two and one.text for one, two in zip(*rows[:2], strict=True))
        count += across or down
    top, body = rows[:count], rows[count:]
    texts = [cell.text for row in top for cell in row]
    if len(rows[0]) < width or not all(texts) or any(character.isdigit() for text in texts for character in text):
        return 0
    if len(body) < (1 if width > _MIN_NAMED else 2) or (count == 1 and len(set(texts)) < width):
        return 0
    figures = any(
        all(len(row) == width and any(map(str.isdigit, row[column].text)) for row in body) for column in range(width)
    )
    return count if figures else 0


def _is_one_cell(row: list[Cell], width: int) -> bool:
    return len(row) == width and all(cell is row[0] for cell in row) and bool(row[0].text)


def _name(cells: list[Cell]) -> str:
    """Return a column's name from the headings above it, from top to bottom."""
    texts = list(dict.fromkeys(cell.text for cell in cells if cell.text))
    return " › ".join(texts)[:_MAX_NAME]


def _pairs(row: list[Cell], names: list[str]) -> list[tuple[str, str]]:
    """Return a row's cells with the names of their columns.

    A cell that spans columns stands under each of their names; a long one is written once, under all of them.
    """
    pairs: list[tuple[str, str]] = []
    column = 0
    while column < len(row):
        cell, first = row[column], column
        while column < len(row) and row[column] is cell and (cell is not EMPTY or column == first):
            column += 1
        own = list(dict.fromkeys(name for name in names[first:column] if name)) or [""]
        if len(cell.text) > _MAX_REPEATED:
            own = [", ".join(own)[:_MAX_NAME]]
        pairs += [(name, cell.text) for name in own]
    return pairs
