"""Tables of a PDF page: by their ruling lines, or by spans that stand in aligned columns.

A PDF has no tables, only text and lines. A grid of lines gives the cells, whatever they span. Without lines, a table is
a run of rows of which most have several spans, in columns that do not touch, with few words in them.
"""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean
from unicodedata import east_asian_width

from chatbot.retrieval.parsing.grid import Grid
from chatbot.retrieval.parsing.pdf.geometry import Box, around
from chatbot.retrieval.parsing.pdf.spans import Span, join_lines

_NEAR, _MAX_LINES, _MAX_CELLS, _MAX_OPEN = 3.0, 3000, 20_000, 300
_MIN_TICKS, _MIN_SPANS = 3, 2
# of words in a cell on average, in the column with the fewest: more is running text
_MAX_WORDS, _MIN_ROWS, _MIN_FILLED = 2.6, 3, 0.5
_ROW_GAP, _SAME_SIZE, _SAME_LINE, _COLUMN_GAP = 2.2, 0.15, 0.4, 0.6
# rows with this part of the most spans are full; a rule of this part of the width parts rows
_FULL, _RULE_WIDTH, _MAX_HEADINGS = 0.6, 0.6, 3


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
        still_open = [other for other in still_open if lines[other][3] >= line[1] - _NEAR][-_MAX_OPEN:]
        for other in still_open:
            if lines[other][0] - _NEAR <= line[2] and line[0] - _NEAR <= lines[other][2]:
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
        if not ticks or value - ticks[-1] > _NEAR:
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
            if column and not any(abs(line[0] - xs[column]) <= _NEAR and line[1] <= y <= line[3] for line in down):
                owners[row].append(owners[row][column - 1])
            elif row and not any(abs(line[1] - ys[row]) <= _NEAR and line[0] <= x <= line[2] for line in across):
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


def find_aligned_tables(lines: list[Box], spans: list[Span]) -> tuple[list[Table], list[Span]]:
    """Return the runs of rows in columns that do not touch, and the spans outside of them."""
    tables: list[Table] = []
    taken: set[int] = set()
    run: list[list[Span]] = []
    for row in [*_rows(spans), []]:
        if run and not (row and _goes_on(run, row)):
            if (table := _align(run, lines)) is not None:
                tables.append(table)
                taken.update(id(span) for line in run for span in line)
            run = []
        if len(row) > 1 or (run and row):
            run.append(row)
    return tables, [span for span in spans if id(span) not in taken]


def _rows(spans: list[Span]) -> list[list[Span]]:
    rows: list[list[Span]] = []
    for span in sorted(spans, key=lambda span: (span.box[3], span.box[0])):
        if rows and abs(rows[-1][0].box[3] - span.box[3]) < _SAME_LINE * span.size:
            rows[-1].append(span)
        else:
            rows.append([span])
    return [sorted(row, key=lambda span: span.box[0]) for row in rows]


def _goes_on(run: list[list[Span]], row: list[Span]) -> bool:
    """Say whether a row belongs to the run: near, of one size, with several spans, or going on with a cell above."""
    last, first = run[-1], row[0]
    near = first.box[1] - last[0].box[3] < _ROW_GAP * first.size
    same = abs(first.size - last[0].size) < _SAME_SIZE * first.size
    beside = first.box[1] < last[0].box[3] - 1  # a label that stands for the rows above and below it
    return near and same and (len(row) > 1 or beside or any(abs(first.box[0] - s.box[0]) < _NEAR for s in last[1:]))


def _align(run: list[list[Span]], lines: list[Box]) -> Table | None:
    columns = _columns(run)
    if len(columns) < _MIN_SPANS or sum(len(row) > 1 for row in run) < _MIN_ROWS:
        return None
    rows = [_place(row, columns) for row in run]
    cells = [
        [cell for row in rows for cell in row if cell.text and cell.column == place] for place in range(len(columns))
    ]
    words = [mean([_count_words(cell.text) for cell in column] or [0.0]) for column in cells]
    filled = sum(map(len, cells)) / (len(rows) * len(columns))
    if min(words) >= _MAX_WORDS or filled < _MIN_FILLED:
        return None
    box = around([span.box for row in run for span in row])
    joined, kept = _join_rows(rows)
    return Table(box, joined, _count_headings([run[place] for place in kept], box, lines))


def _columns(run: list[list[Span]]) -> list[tuple[float, float]]:
    """Return the columns' extents, by the words of the rows with the most spans: they part where no word stands."""
    most = max(map(len, run))
    rows = [[word for span in row for word in span.words or [span]] for row in run if len(row) >= _FULL * most]
    columns: list[tuple[float, float]] = []
    for left, right in sorted((word.box[0], word.box[2]) for row in rows for word in row):
        if columns and left < columns[-1][1] + 1:
            columns[-1] = (columns[-1][0], max(columns[-1][1], right))
        else:
            columns.append((left, right))
    size = run[0][0].size
    parted: list[tuple[float, float]] = columns[:1]
    for (_, end), (start, right) in pairwise(columns):
        gaps = [gap for row in rows if (gap := _gap_at(row, (end + start) / 2)) is not None]
        if gaps and min(gaps) >= _COLUMN_GAP * size:
            parted.append((start, right))
        else:  # the space between two words of a cell
            parted[-1] = (parted[-1][0], right)
    return parted


def _gap_at(row: list[Span], x: float) -> float | None:
    """Return how wide a row's gap around a place is, None where it has words on one side only."""
    before = [word.box[2] for word in row if word.box[2] <= x]
    behind = [word.box[0] for word in row if word.box[0] >= x]
    return min(behind) - max(before) if before and behind else None


def _place(row: list[Span], columns: list[tuple[float, float]]) -> list[TableCell]:
    """Return a row's cells: its words by column, and spans over several columns as one cell."""
    cells = [TableCell("", bold=True, column=place) for place in range(len(columns))]
    for span in row:
        words = span.words or [span]
        reached = [place for place, (left, right) in enumerate(columns) if span.box[0] < right and left < span.box[2]]
        across = any(_covers(word, columns) for word in words)
        for word in [span] if across else words:
            place = max(0, bisect_right([left for left, _ in columns], word.box[0] + 1) - 1)
            place = reached[0] if across and reached else place
            cell = cells[place]
            cell.bold = cell.bold and word.bold
            cell.text = f"{cell.text} {word.text}".strip()
            if across:
                cell.columns = max(1, len(reached))
    wide = {place for cell in cells for place in range(cell.column + 1, cell.column + cell.columns)}
    return [cell for place, cell in enumerate(cells) if place not in wide]


def _covers(word: Span, columns: list[tuple[float, float]]) -> bool:
    """Say whether a word reaches over the gap between two columns."""
    return any(word.box[0] < end and start < word.box[2] for (_, end), (start, _) in pairwise(columns))


def _count_words(text: str) -> float:
    return len(text.split()) + sum(east_asian_width(character) in "WF" for character in text) / 2


def _join_rows(rows: list[list[TableCell]]) -> tuple[list[list[TableCell]], list[int]]:
    """Return the rows, and which ones began them.

    A line without a first cell that holds less than the row above goes on with that row's cells; one with nothing but a
    first cell is a label for the row above it and the next one.
    """
    found: list[list[TableCell]] = []
    kept: list[int] = []
    label = ""
    for place, row in enumerate(rows):
        filled = [cell for cell in row if cell.text]
        if found and filled == [row[0]] and not found[-1][0].text:
            label = found[-1][0].text = row[0].text
            continue
        is_short = len(filled) < len(row) - 1 or len(filled) == 1
        if found and not label and not row[0].text and is_short and len(row) == len(found[-1]):
            for above, cell in zip(found[-1], row, strict=True):
                above.text = join_lines(above.text, cell.text)
            continue
        if label and not row[0].text:
            row[0].text = label
        label = ""
        found.append(row)
        kept.append(place)
    return found, kept


def _count_headings(rows: list[list[Span]], box: Box, lines: list[Box]) -> int:
    """Return how many rows at the top a level line parts from the others."""
    parted: list[int] = []
    for place, (one, two) in enumerate(pairwise(rows), start=1):
        bottom, top = max(span.box[3] for span in one), min(span.box[1] for span in two)
        if any(
            bottom - _NEAR <= line[1] <= top + _NEAR and line[2] - line[0] > _RULE_WIDTH * (box[2] - box[0])
            for line in lines
        ):
            parted.append(place)
    is_one = parted and len(parted) < len(rows) - 1
    return parted[0] if is_one and parted[0] <= min(_MAX_HEADINGS, len(rows) // 2) else 0
