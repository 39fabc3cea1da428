"""What PDFium says of one page: the letters that leave visible ink, and straight lines. y grows downward, from the top.

PDFium tells of hidden letters as of any other, so each page is drawn twice, with and without its text (pdf/ink.py).
Every count is bounded before it is asked for: PDFium itself bounds little.
"""

import ctypes
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from chatbot.retrieval.notes import Note, Notes
from chatbot.retrieval.parsing.pdf.geometry import Box, Matrix, apply, matrix_of, times
from chatbot.retrieval.parsing.pdf.ink import NO_INK, Clock, Ink, Style, draw

_MAX_CHARACTERS, _MAX_OBJECTS, _MAX_DEPTH = 100_000, 50_000, 12
# PDFium's text page takes time in the square of their number
_MAX_TEXTS = 12_000
_MAX_SEGMENTS, _MAX_LINES, _MAX_THICKNESS = 400, 5000, 2.5
_MIN_POINTS, _MIN_ALPHA = 1.0, 13
_UNSEEN_MODES, _STROKED_MODES = (3, 7), (1, 2, 5, 6)
_SPACES = frozenset({0x20, 0xA0, 0x0A, 0x0D, 0x09, 0x3000})
# what PDFium gives for a hyphen at a line's end, and for a letter that its font does not name
_HYPHENS, _UNKNOWN = frozenset({0x02, 0xAD, 0xFFFE}), frozenset({0, 1, 0xFFFD})
# a hyphen at a line's end, on a page that parts its words with U+2010: it is the word's own
OWN_HYPHEN, _PARTING_HYPHEN = "\u2011", "\u2010"
# what TeX's bitmap fonts have at places where other encodings have no letters (Cork encoding, 1990)
_CORK = {0x1B: "ff", 0x1C: "fi", 0x1D: "fl", 0x1E: "ffi", 0x1F: "ffl"}
_BOLD = re.compile(rb"bold|black|heavy|semibold|demi|cmbx|sfbx|-bd", re.IGNORECASE)
# drawn with a font of the viewer's when the file has none
_BASE_FONT = re.compile(rb"Helvetica|Arial|Times|Courier|Symbol|ZapfDingbats")
_LATIN = (0x20, 0x250)
_LEVEL_DEGREES = 10
_MAX_LIGATURE = 4
_TURN = 90


@dataclass(slots=True)
class Letter:
    """A letter that is seen. `joins` says that PDFium takes it for the neighbour of the one before it."""

    text: str
    box: Box
    style: Style
    joins: bool


@dataclass(slots=True)
class Sheet:
    """A page: its size in points, its letters in the file's order, its straight lines, and text that is turned."""

    height: float
    letters: list[Letter]
    lines: list[Box]
    turned: list[str] = field(default_factory=list)
    hidden: int = 0
    notes: Notes = field(default_factory=dict)


def read_sheet(document: pdfium.PdfDocument, number: int, clock: Clock) -> Sheet:
    """Return a page, numbered from 0. Raises `pdfium.PdfiumError` for one that is damaged."""
    page = document[number]
    # what can be seen of annotations and form values becomes part of the drawing, which is read after loading it anew
    pdfium_c.FPDFPage_Flatten(page.raw, pdfium_c.FLAT_NORMALDISPLAY)
    page.close()
    page = document[number]
    try:
        return _read_page(page, clock)
    finally:
        page.close()


def _read_page(page: pdfium.PdfPage, clock: Clock) -> Sheet:
    width, height = page.get_size()
    objects = _Objects(page)
    if objects.pictures and not objects.texts:
        return Sheet(height, [], [], notes={Note.PICTURES: objects.pictures})
    notes: Notes = {Note.PICTURES: objects.pictures} if objects.pictures else {}
    if len(objects.texts) > _MAX_TEXTS:
        return Sheet(height, [], [], notes={**notes, Note.UNREAD_PAGES: 1})
    drawn = draw(page, objects.texts, (width, height), clock)
    place = _placing(page)
    sheet = Sheet(height, [], [place(line) for line in objects.lines], notes=notes)
    _read_letters(page, place, drawn or NO_INK, sheet)
    _leave_spoken(sheet)
    return sheet


class _Objects:
    """A page's text objects and straight lines, within forms too, and how many pictures it has."""

    def __init__(self, page: pdfium.PdfPage) -> None:
        self.texts: list[Any] = []
        self.lines: list[Box] = []
        self.pictures = 0
        self._seen = 0
        found = _children(page.raw, pdfium_c.FPDFPage_CountObjects, pdfium_c.FPDFPage_GetObject)
        self._walk(found, (1.0, 0.0, 0.0, 1.0, 0.0, 0.0), 0)

    def _walk(self, objects: Iterator[Any], matrix: Matrix, depth: int) -> None:
        for item in objects:
            self._seen += 1
            if self._seen > _MAX_OBJECTS or depth > _MAX_DEPTH:
                return
            kind = pdfium_c.FPDFPageObj_GetType(item)
            if kind == pdfium_c.FPDF_PAGEOBJ_TEXT:
                self.texts.append(item)
            elif kind == pdfium_c.FPDF_PAGEOBJ_IMAGE:
                self.pictures += 1
            elif kind == pdfium_c.FPDF_PAGEOBJ_PATH and len(self.lines) < _MAX_LINES:
                self._take_lines(item, times(matrix_of(item), matrix))
            elif kind == pdfium_c.FPDF_PAGEOBJ_FORM:
                inner = _children(item, pdfium_c.FPDFFormObj_CountObjects, pdfium_c.FPDFFormObj_GetObject)
                self._walk(inner, times(matrix_of(item), matrix), depth + 1)

    def _take_lines(self, path: Any, matrix: Matrix) -> None:
        """Take a path's straight lines: thin boxes that are filled, and level or upright strokes."""
        filled, stroked = ctypes.c_int(), ctypes.c_int()
        pdfium_c.FPDFPath_GetDrawMode(path, filled, stroked)
        count = pdfium_c.FPDFPath_CountSegments(path)
        if count > _MAX_SEGMENTS or not (filled.value or stroked.value):
            return
        for part in _subpaths(path, count, matrix):
            xs, ys = [x for x, _ in part], [y for _, y in part]
            whole = (min(xs), min(ys), max(xs), max(ys))
            if min(whole[2] - whole[0], whole[3] - whole[1]) <= _MAX_THICKNESS:
                self.lines.append(whole)
            elif stroked.value:
                for (x0, y0), (x1, y1) in zip(part, [*part[1:], part[0]], strict=True):
                    if min(abs(x0 - x1), abs(y0 - y1)) < 1:
                        self.lines.append((min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)))


def _children(parent: Any, count: Callable[[Any], int], get: Callable[[Any, int], Any]) -> Iterator[Any]:
    return (get(parent, place) for place in range(min(_MAX_OBJECTS, max(0, count(parent)))))


def _subpaths(path: Any, count: int, matrix: Matrix) -> list[list[tuple[float, float]]]:
    x, y = ctypes.c_float(), ctypes.c_float()
    parts: list[list[tuple[float, float]]] = []
    for place in range(count):
        segment = pdfium_c.FPDFPath_GetPathSegment(path, place)
        pdfium_c.FPDFPathSegment_GetPoint(segment, x, y)
        if pdfium_c.FPDFPathSegment_GetType(segment) == pdfium_c.FPDF_SEGMENT_MOVETO or not parts:
            parts.append([])
        parts[-1].append(apply(matrix, x.value, y.value))
    return parts


def _read_letters(page: pdfium.PdfPage, place: Callable[[Box], Box], ink: Ink, sheet: Sheet) -> None:
    text_page = page.get_textpage()  # must live as long as its pointer is used
    pointer, box = text_page.raw, pdfium_c.FS_RECTF()
    styles: dict[int, tuple[Style, bool]] = {}
    hyphens: list[Letter] = []
    joins, turned_from, unknown = False, 0, 0
    for index in range(min(_MAX_CHARACTERS, pdfium_c.FPDFText_CountChars(pointer))):
        code = pdfium_c.FPDFText_GetUnicode(pointer, index)
        item = pdfium_c.FPDFText_GetTextObject(pointer, index)
        if code in _SPACES or not item:
            joins = False
            continue
        key = ctypes.addressof(item.contents)
        if key not in styles:
            styles[key] = _style(item, pointer, index)
        style, level = styles[key]
        pdfium_c.FPDFText_GetLooseCharBox(pointer, index, box)
        where = place((box.left, box.bottom, box.right, box.top))
        # for a letter of a Latin font that is not in the file, PDFium draws another font's
        drawn = style.drawn or _LATIN[0] < code < _LATIN[1]
        if not (style.seen and ink.shows(where, style, drawn=drawn)):
            sheet.hidden += 1
        elif code in _UNKNOWN:
            unknown += 1
        elif level:
            sheet.letters.append(Letter(_letter(code, style), where, style, joins))
            if code in _HYPHENS:
                hyphens.append(sheet.letters[-1])
            joins = True
            continue
        else:
            _turn(sheet.turned, chr(code), same=turned_from == key, joins=joins)
            turned_from = key
            joins = True
            continue
        joins = False
    if unknown:
        sheet.notes[Note.UNREADABLE] = unknown
    if any(letter.text == _PARTING_HYPHEN for letter in sheet.letters):
        for letter in hyphens:
            letter.text = OWN_HYPHEN


def _letter(code: int, style: Style) -> str:
    if code in _HYPHENS:
        return "-"
    if not style.named and code in _CORK:
        return _CORK[code]
    return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else ""


def _leave_spoken(sheet: Sheet) -> None:
    """Leave out what one sign is said to read as, where it is more than a ligature: nobody sees it."""
    for _, same in groupby(list(enumerate(sheet.letters)), key=lambda item: item[1].box):
        places = [place for place, _ in same]
        if len(places) > _MAX_LIGATURE:
            sheet.hidden += len(places)
            for place in places:
                sheet.letters[place].text = ""
    sheet.letters = [letter for letter in sheet.letters if letter.text]


def _turn(turned: list[str], letter: str, *, same: bool, joins: bool) -> None:
    """Add a letter of text that does not run from left to right; each text object is a paragraph."""
    if same and turned:
        turned[-1] += letter if joins else f" {letter}"
    else:
        turned.append(letter)


def _style(item: Any, pointer: Any, index: int) -> tuple[Style, bool]:
    """Return how a text object looks, and whether it runs level."""
    red, green, blue, alpha = (ctypes.c_uint(255) for _ in range(4))
    plain = pdfium_c.FPDFPageObj_GetFillColor(item, red, green, blue, alpha)
    mode, font = pdfium_c.FPDFTextObj_GetTextRenderMode(item), pdfium_c.FPDFTextObj_GetFont(item)
    matrix = pdfium_c.FS_MATRIX()
    pdfium_c.FPDFText_GetMatrix(pointer, index, matrix)
    scale = abs(matrix.a * matrix.d - matrix.b * matrix.c) ** 0.5
    size = pdfium_c.FPDFText_GetFontSize(pointer, index) * scale
    name = ctypes.create_string_buffer(128)
    pdfium_c.FPDFFont_GetBaseFontName(font, name, 128)
    angle = pdfium_c.FPDFText_GetCharAngle(pointer, index) * 180 / 3.14159265
    fill = (red.value, green.value, blue.value) if plain and mode not in _STROKED_MODES else None
    seen = mode not in _UNSEEN_MODES and size >= _MIN_POINTS and alpha.value >= _MIN_ALPHA
    drawn = bool(pdfium_c.FPDFFont_GetIsEmbedded(font)) or bool(_BASE_FONT.match(name.value))
    level = min(angle % 360, -angle % 360) < _LEVEL_DEGREES
    return Style(size, bool(_BOLD.search(name.value)), seen, fill, drawn, named=bool(name.value)), level


def _placing(page: pdfium.PdfPage) -> Callable[[Box], Box]:
    """Return what turns a box of the page's space into one of the page as it is shown, rotation included."""
    # not the page's crop box: pypdfium2 knows no inherited one
    edges = pdfium_c.FS_RECTF()
    pdfium_c.FPDF_GetPageBoundingBox(page.raw, edges)
    left, bottom, right, top = edges.left, edges.bottom, edges.right, edges.top
    turns = page.get_rotation() // _TURN % 4
    placings: tuple[Callable[[Box], Box], ...] = (
        lambda box: (box[0] - left, top - box[3], box[2] - left, top - box[1]),
        lambda box: (box[1] - bottom, box[0] - left, box[3] - bottom, box[2] - left),
        lambda box: (right - box[2], box[1] - bottom, right - box[0], box[3] - bottom),
        lambda box: (top - box[3], right - box[2], top - box[1], right - box[0]),
    )
    return placings[int(turns)]
