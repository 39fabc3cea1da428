"""Tables of a PDF page, by their ruling lines: a grid of lines gives the cells, whatever they span.

A PDF has no tables, only text and lines. What has no lines around its cells is found by `pdf/aligned.py`.
"""

from bisect import bisect_right
from dataclasses import dataclass

from chatbot.retrieval.parsing.grid import Grid
from chatbot.retrieval.parsing.pdf.geometry import Box
from chatbot.retrieval.parsing.pdf.spans import Span, join_lines

NEAR, _MAX_LINES, _MAX_CELLS, _MAX_OPEN = 3.0, 3000, 20_000, 300
_MIN_TICKS, _MIN_SPANS = 3, 2


@dataclass(slots=True)
class TableCell:
    """A cell, how many columns and rows it spans, and the column in which it begins."""

    text: str
    bold: bool
    columns: int = 1
    rows: int = 1
    column: int = 0


@dataclass(slots=True)
class Table:
    """A table's place on the page, its rows without what spans into them from above, and how many of them are names."""

    box: Box
    rows: list[list[TableCell]]
    headings: int = 0

    def fill(self, grid: Grid) -> None:
        """Put the rows into a grid; a row in bold names the columns."""
        for place, row in enumerate(self.rows):
            for cell in row:
                grid.cell(cell.text, columns=cell.columns, rows=cell.rows, heading=cell.bold)
            grid.end_row(heading=place < self.headings)


def find_ruled_tables(lines: list[Box], spans: list[Span]) -> tuple[list[Table], list[Span]]:
    """Return the tables within grids of lines, and the spans outside of them."""
    tables: list[Table] = []
    for across, down in _groups(lines[:_MAX_LINES]):
        xs = _ticks([line[0] for line in down], [line[2] for line in across])
        ys = _ticks([line[1] for line in across], [line[3] for line in down])
        if min(len(xs), len(ys)) < _MIN_TICKS or len(xs) * len(ys) > _MAX_CELLS:
            continue
        box = (xs[0], ys[0], xs[-1], ys[-1])
        inside = [span for span in spans if _is_within(span, box)]
        if len(inside) >= _MIN_SPANS:
            spans = [span for span in spans if not _is_within(span, box)]
            tables.append(Table(box, _fill(xs, ys, _owners(xs, ys, across, down), inside)))
    return tables, spans


def _groups(lines: list[Box]) -> list[tuple[list[Box], list[Box]]]:
    """Return the lines that touch each other, level ones and upright ones apart (union-find over a sweep)."""
    lines = sorted(lines, key=lambda line: line[1])
    above = list(range(len(lines)))

    def root(place: int) -> int:
        while above[place] != place:
            above[place] = place = above[above[place]]
        return place

    still_open: list[int] = []
    for place, line in enumerate(lines):
        still_open = [other for other in still_open if lines[other][3] >= line[1] - NEAR][-_MAX_OPEN:]
        for other in still_open:
            if lines[other][0] - NEAR <= line[2] and line[0] - NEAR <= lines[other][2]:
                above[root(other)] = root(place)
        still_open.append(place)
    groups: dict[int, tuple[list[Box], list[Box]]] = {}
    for place, line in enumerate(lines):
        is_level = line[2] - line[0] >= line[3] - line[1]
        groups.setdefault(root(place), ([], []))[0 if is_level else 1].append(line)
    return list(groups.values())


def _ticks(*lists: list[float]) -> list[float]:
    ticks: list[float] = []
    for value in sorted(value for values in lists for value in values):
        if not ticks or value - ticks[-1] > NEAR:
            ticks.append(value)
    return ticks


def _is_within(span: Span, box: Box) -> bool:
    x, y = (span.box[0] + span.box[2]) / 2, (span.box[1] + span.box[3]) / 2
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


Owners = list[list[tuple[int, int]]]


def _owners(xs: list[float], ys: list[float], across: list[Box], down: list[Box]) -> Owners:
    """Return for each slot of the grid the first slot of its cell: without a line between, two slots are one cell."""
    owners: Owners = []
    for row in range(len(ys) - 1):
        owners.append([])
        for column in range(len(xs) - 1):
            x, y = (xs[column] + xs[column + 1]) / 2, (ys[row] + ys[row + 1]) / 2
            if column and not any(abs(line[0] - xs[column]) <= NEAR and line[1] <= y <= line[3] for line in down):
                owners[row].append(owners[row][column - 1])
            elif row and not any(abs(line[1] - ys[row]) <= NEAR and line[0] <= x <= line[2] for line in across):
                owners[row].append(owners[row - 1][column])
            else:
                owners[row].append((row, column))
    return owners


def _fill(xs: list[float], ys: list[float], owners: Owners, inside: list[Span]) -> list[list[TableCell]]:
    texts: dict[tuple[int, int], str] = {}
    bold: dict[tuple[int, int], bool] = {}
    for span in sorted(inside, key=lambda span: (round(span.box[1]), span.box[0])):
        row = min(len(ys) - 1, max(1, bisect_right(ys, (span.box[1] + span.box[3]) / 2))) - 1
        column = min(len(xs) - 1, max(1, bisect_right(xs, (span.box[0] + span.box[2]) / 2))) - 1
        owner = owners[row][column]
        texts[owner] = join_lines(texts.get(owner, ""), span.text)
        bold[owner] = bold.get(owner, True) and span.bold
    # two lines close to each other make columns and rows that hold nothing
    columns = [column for column in range(len(xs) - 1) if any(row[column] in texts for row in owners)]
    kept = [[row[column] for column in columns] for row in owners if any(owner in texts for owner in row)]
    rows: list[list[TableCell]] = []
    for place, line in enumerate(kept):
        rows.append([])
        for column, owner in enumerate(line):
            if (column and line[column - 1] == owner) or (place and kept[place - 1][column] == owner):
                continue
            wide = next((n for n, other in enumerate(line[column:]) if other != owner), len(line) - column)
            high = next((n for n, other in enumerate(kept[place:]) if other[column] != owner), len(kept) - place)
            rows[-1].append(TableCell(texts.get(owner, ""), bold.get(owner, False), wide, high))
    return rows
