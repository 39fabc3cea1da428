"""Tables of a PDF page without lines around their cells: spans that stand in aligned columns.

Such a table is a run of rows of which most have several spans, in columns that do not touch, with few words in them.
"""

from bisect import bisect_right
from collections.abc import Iterator
from itertools import combinations, pairwise
from statistics import mean
from unicodedata import east_asian_width

from chatbot.retrieval.parsing.pdf.geometry import Box, around
from chatbot.retrieval.parsing.pdf.spans import Span, join_lines, join_words, make_span
from chatbot.retrieval.parsing.pdf.tables import NEAR, Table, TableCell

_MIN_SPANS = 2
# of words in a cell on average, in the column with the fewest: more is running text
_MAX_WORDS, _MIN_ROWS, _MIN_FILLED = 2.6, 3, 0.5
_ROW_GAP, _SAME_SIZE, _SAME_LINE, _COLUMN_GAP = 2.2, 0.15, 0.4, 0.6
# rows with this part of the most spans are full; a rule of this part of the width parts rows
_FULL, _RULE_WIDTH, _MAX_HEADINGS = 0.6, 0.6, 3
# how many labels make a column; how far from a middle or an edge a cell still stands there, in points
_MIN_LABELS, _MIDDLE = 2, 1.5
_MAX_RULES = 3000


def find_aligned_tables(lines: list[Box], spans: list[Span]) -> tuple[list[Table], list[Span]]:
    """Return the runs of rows in columns that do not touch, and the spans outside of them."""
    tables: list[Table] = []
    taken: set[int] = set()

    def take(run: list[list[Span]]) -> None:
        if (table := _align([_split(row) for row in run], lines)) is not None:
            tables.append(table)
            taken.update(id(span) for row in run for span in row)

    # what rules frame is a table of its own, though text may stand beside it on the same lines
    for run in _between_rules(lines, spans):
        take(run)
    run = []
    for row in [*_rows([span for span in spans if id(span) not in taken]), []]:
        if run and not (row and _goes_on(run, row)):
            take(run)
            run = []
        if len(row) > 1 or (run and row):
            run.append(row)
    return tables, [span for span in spans if id(span) not in taken]


def _between_rules(lines: list[Box], spans: list[Span]) -> Iterator[list[list[Span]]]:
    """Yield the rows between level lines of one extent, as long as most of them have several cells."""
    rules: dict[tuple[int, int], set[float]] = {}
    for left, top, right, bottom in lines[:_MAX_RULES]:
        if right - left > bottom - top:
            rules.setdefault((round(left), round(right)), set()).add(round(top, 1))
    for (left, right), tops in rules.items():
        inside = [span for span in spans if left - NEAR <= span.box[0] and span.box[2] <= right + NEAR]
        run: list[list[Span]] = []
        for above, below in pairwise(sorted(tops)):
            rows = _rows([span for span in inside if above <= (span.box[1] + span.box[3]) / 2 <= below])
            if rows and sum(len(_split(row)) > 1 for row in rows) >= len(rows) / 2:
                run += rows
                continue
            yield run
            run = []
        yield run


def _split(row: list[Span]) -> list[Span]:
    """Part a row where a gap is wider than between words, though not as wide as spans are apart."""
    parts: list[list[Span]] = []
    for span in row:
        for place, word in enumerate(span.words or [span]):
            if place and word.box[0] - parts[-1][-1].box[2] < _COLUMN_GAP * span.size:
                parts[-1].append(word)
            else:
                parts.append([word])
    return [make_span(words) for words in parts]


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
    goes_on = any(abs(first.box[0] - span.box[0]) < NEAR for span in last[1:])
    return near and same and (len(_split(row)) > 1 or beside or goes_on)


def _align(run: list[list[Span]], lines: list[Box]) -> Table | None:
    if not run:
        return None
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


Extent = tuple[float, float]


def _columns(run: list[list[Span]]) -> list[Extent]:
    """Return the columns' extents, by the words of the rows with the most spans, and of the labels left of them."""
    most = max(map(len, run))
    first = _part([_words(row) for row in run if len(row) == most])
    # a cell in the middle of two columns would make them one
    rows = [_words([s for s in row if not _middle_of(s, row, first)]) for row in run if len(row) >= _FULL * most]
    columns = _part(rows)
    edge = columns[0][0] - _COLUMN_GAP * run[0][0].size
    labels = [row[0].box for row in run if len(row) < _FULL * most and row[0].box[2] <= edge]
    if len(labels) >= _MIN_LABELS:
        columns.insert(0, (min(box[0] for box in labels), max(box[2] for box in labels)))
    return columns


def _words(row: list[Span]) -> list[Span]:
    return [word for span in row for word in span.words or [span]]


def _part(rows: list[list[Span]]) -> list[Extent]:
    """Return the extents between which no word of the rows stands."""
    columns: list[Extent] = []
    for left, right in sorted((word.box[0], word.box[2]) for row in rows for word in row):
        if columns and left < columns[-1][1] + 1:
            columns[-1] = (columns[-1][0], max(columns[-1][1], right))
        else:
            columns.append((left, right))
    size = max(word.size for row in rows for word in row)
    parted: list[Extent] = columns[:1]
    for (_, end), (start, right) in pairwise(columns):
        gaps = [gap for row in rows if (gap := _gap_at(row, (end + start) / 2)) is not None]
        if gaps and min(gaps) >= _COLUMN_GAP * size:
            parted.append((start, right))
        else:  # the space between two words of a cell
            parted[-1] = (parted[-1][0], right)
    return parted


def _middle_of(span: Span, row: list[Span], columns: list[Extent]) -> range:
    """Return the columns over whose middle a span stands alone: a cell that spans them. Else no columns."""
    left, right = span.box[0], span.box[2]
    own = [(start, end) for start, end in columns if start < right and left < end]
    # how far it is from standing at an edge of a column, or in its middle
    off = min((min(abs(left - s), abs(right - e), abs(left + right - s - e) / 2) for s, e in own), default=_MIDDLE)
    for first, last in combinations(range(len(columns)), 2):
        start, end = columns[first][0], columns[last][1]
        is_alone = not any(other is not span and start < other.box[2] and other.box[0] < end for other in row)
        if start < left and right < end and is_alone and abs(left + right - start - end) / 2 < min(off, _MIDDLE):
            return range(first, last + 1)
    return range(0)


def _gap_at(row: list[Span], x: float) -> float | None:
    """Return how wide a row's gap around a place is, None where it has words on one side only."""
    before = [word.box[2] for word in row if word.box[2] <= x]
    behind = [word.box[0] for word in row if word.box[0] >= x]
    return min(behind) - max(before) if before and behind else None


def _place(row: list[Span], columns: list[Extent]) -> list[TableCell]:
    """Return a row's cells: its words by column, and spans over several columns as one cell."""
    cells = [TableCell("", bold=True, column=place) for place in range(len(columns))]
    words: list[list[Span]] = [[] for _ in columns]
    for span in row:
        reached = range(0)
        if middle := _middle_of(span, row, columns):
            reached = middle
        elif any(_covers(word, columns) for word in span.words or [span]):
            touched = [at for at, (left, right) in enumerate(columns) if span.box[0] < right and left < span.box[2]]
            reached = range(touched[0], touched[-1] + 1) if touched else reached
        for word in span.words or [span]:
            place = max(0, bisect_right([left for left, _ in columns], word.box[0] + 1) - 1)
            place = reached[0] if reached else place
            cells[place].bold = cells[place].bold and word.bold
            words[place].append(word)
            cells[place].columns = max(cells[place].columns, len(reached))
    for cell, own in zip(cells, words, strict=True):
        cell.text = join_words(own)
        while any(words[cell.column + 1 : cell.column + cell.columns]):
            cell.columns -= 1
    wide = {place for cell in cells for place in range(cell.column + 1, cell.column + cell.columns)}
    return [cell for place, cell in enumerate(cells) if place not in wide]


def _covers(word: Span, columns: list[Extent]) -> bool:
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
            bottom - NEAR <= line[1] <= top + NEAR and line[2] - line[0] > _RULE_WIDTH * (box[2] - box[0])
            for line in lines
        ):
            parted.append(place)
    is_one = parted and len(parted) < len(rows) - 1
    return parted[0] if is_one and parted[0] <= min(_MAX_HEADINGS, len(rows) // 2) else 0
