"""The text of a PDF that its reader sees, page by page. Runs confined.

Only what can be seen of the pages is read, notes and form values on them included: no script, attachment, metadata or
hidden letter. Text recognition is no part of it: a scan holds no text, and the owner is told.
"""

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from chatbot.retrieval.notes import Note
from chatbot.retrieval.outline import Outline, Reading
from chatbot.retrieval.parsing.grid import Grid
from chatbot.retrieval.parsing.pdf.ink import Clock
from chatbot.retrieval.parsing.pdf.layout import Block, find_running, lay_out, usual_size
from chatbot.retrieval.parsing.pdf.sheet import Sheet, read_sheet
from chatbot.retrieval.parsing.pdf.spans import Span, make_spans
from chatbot.retrieval.parsing.pdf.tables import Table
from chatbot.retrieval.refusal import Refusal, Refused

_MAX_PAGES = 500
_MAX_LEVELS = 4
# PDFium draws, and asks this clock whether it may go on; a callback cannot be made once the process is confined
_CLOCKS = [Clock()]
_COUNTED = (Note.PICTURES, Note.UNREADABLE, Note.UNREAD_PAGES)


def read_pdf(body: bytes) -> Reading:
    """Return what is visible in a PDF, each page a section. Raises `Refused` or `TooMuchText`."""
    try:
        document = pdfium.PdfDocument(body)  # with the empty password, which opens what is locked for changes only
    except pdfium.PdfiumError as error:
        locked = getattr(error, "err_code", None) == pdfium_c.FPDF_ERR_PASSWORD
        raise Refused(Refusal.ENCRYPTED if locked else Refusal.BROKEN) from None
    try:
        if len(document) > _MAX_PAGES:
            raise Refused(Refusal.PAGES)
        if document.get_formtype():
            document.init_forms()  # makes the appearance of a value that has none
        clock = _CLOCKS.pop() if _CLOCKS else Clock()
        sheets = [read_sheet(document, number, clock) for number in range(len(document))]
    except pdfium.PdfiumError:
        raise Refused(Refusal.BROKEN) from None
    finally:
        document.close()
    return _write(sheets)


def _write(sheets: list[Sheet]) -> Reading:
    pages = [make_spans(sheet) for sheet in sheets]
    size = usual_size(pages)
    running = find_running(pages, [sheet.height for sheet in sheets], size)
    blocks = [
        lay_out([span for span in page if id(span) not in apart], sheet, size)
        for page, apart, sheet in zip(pages, running, sheets, strict=True)
    ]
    writer = _Writer([block for page in blocks for block in page])
    for number, (page, sheet) in enumerate(zip(blocks, sheets, strict=True), start=1):
        writer.page(number, page, sheet)
    writer.margins(pages, running)
    return Reading(writer.outline.sections, sum(sheet.hidden for sheet in sheets), writer.outline.notes)


class _Writer:
    """Writes pages of blocks into an outline. A heading, and a table, go on over the pages' ends."""

    def __init__(self, blocks: list[Block]) -> None:
        self.outline = Outline()
        sizes = sorted({round(block.size) for block in blocks if block.kind == "heading"}, reverse=True)
        self._levels = {size: min(_MAX_LEVELS, place + 2) for place, size in enumerate(sizes)}
        self._path: list[tuple[int, str]] = []
        self._names: list[str] = []
        self._table_is_open = False

    def page(self, number: int, blocks: list[Block], sheet: Sheet) -> None:
        """Write a page."""
        self.outline.heading(1, f"Page {number}")
        for level, title in self._path:
            self.outline.heading(level, title)
        for place, block in enumerate(blocks):
            if block.table is not None:
                caption = blocks[place - 1].text if place and _is_caption(blocks[place - 1]) else ""
                self._table(block.table, caption, continues=place == 0 and self._table_is_open)
            elif block.kind == "heading":
                level = self._levels[round(block.size)]
                self._path = [entry for entry in self._path if entry[0] < level] + [(level, block.text)]
                self.outline.heading(level, block.text)
            else:
                self.outline.paragraph(block.text)
        for text in sheet.turned:
            self.outline.paragraph(text)
        if blocks:
            self._table_is_open = blocks[-1].table is not None
        for note in _COUNTED:
            self.outline.note(note, int(sheet.notes.get(note, 0)))
        self.outline.note(Note.SCANS, int(not sheet.letters and not sheet.turned and bool(sheet.notes)))

    def margins(self, pages: list[list[Span]], running: list[set[int]]) -> None:
        """Write what stands at the edges of the pages, each text once, without page numbers."""
        found = [span.text for page, apart in zip(pages, running, strict=True) for span in page if id(span) in apart]
        texts = [text for text in dict.fromkeys(found) if any(map(str.isalpha, text))]
        if texts:
            self.outline.heading(1, "Header and footer")
            for text in texts:
                self.outline.paragraph(text)

    def _table(self, table: Table, caption: str, *, continues: bool) -> None:
        grid = Grid()
        table.fill(grid)
        if continues and len(self._names) == grid.width and not grid.has_names:
            grid.name(self._names)
        self._names = grid.names
        grid.write(self.outline, caption)


def _is_caption(block: Block) -> bool:
    return block.text.lower().startswith(("table ", "tabelle ", "tableau ", "tabla ", "tab. ", "tabella ", "表"))
