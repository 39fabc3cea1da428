"""A PDF page as blocks in reading order: columns, tables, paragraphs, headings, footnotes, running headers and footers.

What is left of the page without its tables is cut at its gutters: a band in which a free strip has lines on both sides
is read column by column. Sizes are in points, factors in parts of the letters' size.
"""

import heapq  # noqa: F401 - Counter.most_common imports it late, when no file can be opened any more
import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from chatbot.retrieval.parsing.pdf.aligned import find_aligned_tables
from chatbot.retrieval.parsing.pdf.geometry import Box, around
from chatbot.retrieval.parsing.pdf.sheet import Sheet
from chatbot.retrieval.parsing.pdf.spans import Span, join_lines
from chatbot.retrieval.parsing.pdf.tables import Table, find_ruled_tables

_ITEM = re.compile(r"^(?:\d{1,3}(?:\.\d{1,3}){0,3}[.)]?|[a-zA-Z][.)]|[ivx]{1,5}[.)]|[•◦▪■●○–—*\u2022\uf0b7-])\s")
_FOOTNOTE = re.compile(r"^[\[(]?(?:\d{1,3}|[*†‡¹²³⁴-⁹⁰]{1,3})[\])]?")
_GOES_ON = re.compile(r"(?:(?<![\d.,])\d[\d.,]*\s+)?[^\W\d_A-Z]")
_MAX_CUTS, _MAX_STRIPS, _MIN_LINES = 40, 12, 3
_HEADING_SIZE, _SMALL_SIZE, _MAX_HEADING = 1.12, 0.92, 150
_LINE_STEP, _MAX_STEP, _COLUMN_STEP, _HEADING_STEP = 1.25, 2.2, 2.5, 1.2
_LOWER_PART, _LINE_GAP = 0.6, 0.6
# the part of a page's height in which running headers and footers stand
_EDGE = 0.12
_MAX_RUNNING, _MIN_ROWS = 3, 4


@dataclass(slots=True, eq=False)
class Block:
    """A part of a page: a line at first, then a paragraph, a heading, a footnote, or a table."""

    box: Box
    text: str
    size: float
    bold: bool = False
    kind: str = "paragraph"
    table: Table | None = None


def usual_size(pages: list[list[Span]]) -> float:
    """Return the size of most letters of the document."""
    sizes: Counter[float] = Counter()
    for page in pages:
        for span in page:
            sizes[round(span.size * 2) / 2] += len(span.text)
    return max(sizes, key=lambda size: sizes[size], default=10.0)


def find_running(pages: list[list[Span]], heights: list[float], size: float) -> list[set[int]]:
    """Return for each page the spans that stand at one place at the edge of many pages, by their identity."""
    marks = [_edge_marks(page, height, size) for page, height in zip(pages, heights, strict=True)]
    counts = Counter(mark for page in marks for mark in set(page.values()))
    repeated = {mark for mark, count in counts.items() if count >= max(2, 0.4 * len(pages))}
    return [{span for span, mark in page.items() if mark in repeated} for page in marks]


def _edge_marks(spans: list[Span], height: float, size: float) -> dict[int, tuple[str, int]]:
    """Return what may be a running header or footer: up to two lines from the top and from the bottom, as a whole."""
    rows: list[list[Span]] = []
    for span in sorted(spans, key=lambda span: span.box[3]):
        if rows and abs(rows[-1][0].box[3] - span.box[3]) < 0.4 * span.size:
            rows[-1].append(span)
        else:
            rows.append([span])
    marks: dict[int, tuple[str, int]] = {}
    if len(rows) < _MIN_ROWS:
        return marks  # what stands alone on its page is no frame around anything
    for ordered, edge in ((rows, 0.0), (rows[::-1], height)):
        for place, row in enumerate(ordered[:2]):
            first = row[0]
            is_apart = place == 0 or abs(first.box[1] - ordered[0][0].box[1]) < _COLUMN_STEP * first.size
            if abs(first.box[1] - edge) > _EDGE * height or first.size > 1.3 * size or not is_apart:
                break
            text = re.sub(r"\d+", "#", " ".join(span.text for span in row))
            # the rows of a long table begin and end at the same place on each page
            if len(row) > _MAX_RUNNING or (len(row) > 1 and not any(map(str.isalpha, text))):
                break
            marks |= {id(span): (text, round(first.box[1] / 4)) for span in row}
    return marks


def lay_out(spans: list[Span], sheet: Sheet, size: float) -> list[Block]:
    """Return a page's blocks in reading order. `size` is the usual one of the document's letters."""
    ruled, spans = find_ruled_tables(sheet.lines, spans)
    aligned, spans = find_aligned_tables(sheet.lines, spans)
    blocks = [Block(table.box, "", size, kind="table", table=table) for table in (*ruled, *aligned)]
    blocks += [Block(span.box, span.text, span.size, span.bold) for span in spans]
    found: list[Block] = []
    last: Block | None = None  # what may go on: a footnote stands between a sentence and its end in the next column
    for column in _cut(blocks, 0):
        for block in _paragraphs(column, size, sheet.height):
            if last is not None and _is_cut(last, block):
                last.text = join_lines(last.text, block.text)
                last.box = block.box
                continue
            found.append(block)
            last = last if block.kind == "footnote" else block
    return found


def _is_cut(one: Block, two: Block) -> bool:
    """Say whether a paragraph goes on in the next column, or a heading on the next line."""
    if one.kind == two.kind == "heading" and one.bold == two.bold and abs(one.size - two.size) < 0.05 * one.size:
        return 0 <= two.box[1] - one.box[3] < 0.6 * one.size
    both = one.kind == two.kind == "paragraph" and abs(one.size - two.size) < 0.1 * one.size
    return both and two.box[1] < one.box[3] - one.size and _is_unfinished(one.text, two.text)


def _is_unfinished(one: str, two: str) -> bool:
    """Say whether a sentence has not ended, and what follows begins in small letters, at most after a number."""
    return not one.endswith((".", "!", "?", ":", ";")) and _GOES_ON.match(two) is not None


def _cut(blocks: list[Block], depth: int) -> list[list[Block]]:
    """Cut into bands, and each band into its columns."""
    if not blocks:
        return []
    parts = _columns(blocks) if len(blocks) > 2 * _MIN_LINES - 1 and depth < _MAX_CUTS else None
    if parts is None:
        return [_in_rows(blocks)]
    return [column for part in parts for column in _cut(part, depth + 1)]


def _columns(blocks: list[Block]) -> list[list[Block]] | None:
    """Return what is above the tallest band with a free strip, its left side, its right side, and what is below."""
    best: tuple[int, list[Block], float] | None = None
    strip: float
    ordered = sorted(blocks, key=lambda block: (block.box[1], block.box[0]))
    starts = Counter(round(block.box[0] / 3) * 3 for block in blocks)
    for start, _ in starts.most_common(_MAX_STRIPS):
        strip = start - 5.0
        run: list[Block] = []
        for block in (*ordered, None):
            if block is not None and not block.box[0] < strip < block.box[2]:
                run.append(block)
                continue
            band = _balance(run, strip)
            lines = _count_beside(band, strip)
            if lines >= _MIN_LINES and (best is None or lines > best[0]):
                best = (lines, band, strip)
            run = []
    if best is None:
        return None
    _, band, strip = best
    top, inside = band[0].box[1], {id(block) for block in band}
    outside = [block for block in ordered if id(block) not in inside]
    left = [block for block in band if block.box[2] <= strip]
    right = [block for block in band if block.box[2] > strip]
    if _reads_from_right(band):
        left, right = right, left
    return [[b for b in outside if b.box[1] < top], left, right, [b for b in outside if b.box[1] >= top]]


def _count_beside(band: list[Block], strip: float) -> int:
    """Return how many lines on the right of a strip have one beside them on its left."""
    left = sorted((block.box[1], block.box[3]) for block in band if block.box[2] <= strip)
    beside, place = 0, 0
    for top, bottom in sorted((block.box[1], block.box[3]) for block in band if block.box[2] > strip):
        while place < len(left) and left[place][1] <= top:
            place += 1
        beside += place < len(left) and left[place][0] < bottom
    return min(beside, len(left))


def _balance(run: list[Block], strip: float) -> list[Block]:
    """Return the part of a run that is columns: what stands above or below both of them belongs to neither."""
    left = [block for block in run if block.box[2] <= strip]
    right = [block for block in run if block.box[2] > strip]
    if not left or not right:
        return []
    top = max(min(b.box[1] for b in side) for side in (left, right)) - 1
    bottom = min(max(b.box[3] for b in side) for side in (left, right)) + 1
    middle = [block for block in run if block.box[1] >= top and block.box[3] <= bottom]
    before = [block for block in reversed(run) if block.box[1] < top]
    behind = [block for block in run if block.box[1] >= top and block.box[3] > bottom]
    # the longer column runs on, as far as its lines follow each other; a heading at its end is one of what comes there
    size = left[0].size
    above, below = _without_headings(before, size, middle), _without_headings(behind, size, middle)
    kept = {id(block) for block in (*middle, *above, *below)}
    return [block for block in run if id(block) in kept]


def _without_headings(blocks: list[Block], size: float, middle: list[Block]) -> list[Block]:
    """Return the blocks that follow each other closely, from the first on, without headings at the end of them."""
    found: list[Block] = []
    for block in blocks:
        if (
            found
            and min(abs(block.box[1] - found[-1].box[3]), abs(found[-1].box[1] - block.box[3])) > _COLUMN_STEP * size
        ):
            break
        found.append(block)
    while found and (
        found[-1].bold or found[-1].size > 1.1 * size or (len(found) == 1 and not _is_next(found[0], middle))
    ):
        found.pop()
    return found


def _is_next(line: Block, middle: list[Block]) -> bool:
    """Say whether a line is the next one above or below a line of the same column, edge and size."""
    return any(
        abs(line.box[0] - other.box[0]) < 1
        and abs(line.size - other.size) < 0.05 * line.size
        and min(abs(line.box[1] - other.box[3]), abs(other.box[1] - line.box[3])) < _LINE_GAP * line.size
        for other in middle
        if other.table is None and not other.bold
    )


def _reads_from_right(blocks: list[Block]) -> bool:
    text = "".join(block.text for block in blocks)
    return sum("\u0590" <= character <= "\u08ff" for character in text) > len(text) / 3


def _in_rows(blocks: list[Block]) -> list[Block]:
    """Sort from the top; what stands on one line becomes one, from the left."""
    rows: list[list[Block]] = []
    for block in sorted(blocks, key=lambda block: block.box[1] + block.box[3]):
        last = rows[-1][0] if rows else block
        same = abs(last.box[3] - block.box[3]) < 0.3 * block.size and last.table is None and block.table is None
        if rows and same:
            rows[-1].append(block)
        else:
            rows.append([block])
    for row in rows:
        row.sort(key=lambda block: block.box[0], reverse=_reads_from_right(row))
        row[0].text, row[0].box = " ".join(block.text for block in row), around([block.box for block in row])
    return [row[0] for row in rows]


def _paragraphs(lines: list[Block], size: float, height: float) -> list[Block]:
    """Join the lines of one column."""
    found: list[Block] = []
    steps = [two.box[1] - one.box[1] for one, two in pairwise(lines)]
    usual = median([step for line, step in zip(lines[1:], steps, strict=True) if 0 < step < 3 * line.size] or [0.0])
    before: Block | None = None
    for line in lines:
        if before is not None and _goes_on(before, line, usual, size):
            found[-1].text = join_lines(found[-1].text, line.text)
            found[-1].box = around([found[-1].box, line.box])
        else:
            kind = line.kind if line.table else _kind(line, size, height)
            found.append(Block(line.box, line.text, line.size, line.bold, kind, line.table))
        before = line
    for block in found:
        is_sentence = block.text.endswith((".", ";", ",")) and block.size < 1.3 * size
        if block.kind == "heading" and (len(block.text) > _MAX_HEADING or is_sentence):
            block.kind = "paragraph"
    return found


def _goes_on(one: Block, two: Block, usual: float, size: float) -> bool:
    if one.table or two.table:
        return False
    step = two.box[1] - one.box[1]
    if one.size > _HEADING_SIZE * size:  # lines of a heading stand as far apart as they are high
        usual = max(usual, one.size * _HEADING_STEP)
    same = abs(one.size - two.size) < 0.12 * one.size and one.bold == two.bold
    is_item = _ITEM.match(two.text) and not (two.text[0].isdigit() and _is_unfinished(one.text, two.text))
    return same and step < _LINE_STEP * max(usual, 1.0) and step < _MAX_STEP * two.size and not is_item


def _kind(line: Block, size: float, height: float) -> str:
    if line.size < _SMALL_SIZE * size and line.box[1] > _LOWER_PART * height and _FOOTNOTE.match(line.text):
        return "footnote"
    is_large = line.size > _HEADING_SIZE * size or (line.bold and line.size >= 0.95 * size)
    return "heading" if is_large and any(character.isalpha() for character in line.text) else "paragraph"
