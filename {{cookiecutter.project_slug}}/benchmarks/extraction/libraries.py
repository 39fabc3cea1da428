"""Producers that are Python libraries (`requirements/extraction.txt`): python-docx, WeasyPrint, fpdf2, reportlab."""

from datetime import UTC, datetime
from typing import Any

from benchmarks.extraction.markup import to_html
from benchmarks.extraction.producer import FONTS, Corpus, need
from benchmarks.extraction.reportlab_story import build_pdf
from benchmarks.extraction.source import Heading, Paragraph, Source, Steps, Table, fill_grid, read_cell

_HANDBOOK, _SMALL = "handbook", "mini"
_MADE = datetime(2024, 1, 1, tzinfo=UTC)


def make_weasyprint(corpus: Corpus) -> None:
    """WeasyPrint's PDF files, and a tagged one."""
    need(modules=("weasyprint",))
    from weasyprint import HTML

    for source in corpus.documents:
        HTML(string=to_html(source, "paged", "page")).write_pdf(corpus.place(source.name, "weasyprint.pdf"))
    tagged = corpus.place(_HANDBOOK, "weasyprint-tagged.pdf")
    HTML(string=to_html(corpus.sources[_HANDBOOK], "paged", "page")).write_pdf(tagged, pdf_variant="pdf/ua-1")


def make_reportlab(corpus: Corpus) -> None:
    """reportlab's PDF files: with fonts of the viewer, with fonts in the file, and with CJK fonts of the viewer."""
    need(modules=("reportlab", "arabic_reshaper", "bidi"), fonts=("sans", "zh", "ar"))
    for source in corpus.documents:
        build_pdf(source, corpus.place(source.name, "reportlab.pdf"))
    build_pdf(corpus.sources["cjk"], corpus.place("cjk", "reportlab-cid.pdf"), embedded=False)


def make_python_docx(corpus: Corpus) -> None:
    """python-docx's Word files."""
    need(modules=("docx",))
    from docx import Document

    for source in corpus.documents:
        document = Document()
        for block in source.blocks:
            match block:
                case Heading():
                    document.add_heading(block.text, block.level - 1)
                case Paragraph():
                    paragraph = document.add_paragraph()
                    for text, number in block.parts():
                        paragraph.add_run(text)
                        paragraph.add_run(number).font.superscript = True
                case Steps():
                    for step, inner in block.items:
                        document.add_paragraph(step, style="List Number")
                        for line in inner:
                            document.add_paragraph(line, style="List Number 2")
                case Table():
                    _add_word_table(document, block)
        for number, text in source.notes.items():
            paragraph = document.add_paragraph()
            paragraph.add_run(number).font.superscript = True
            paragraph.add_run(f" {text}")
        document.save(str(corpus.place(source.name, "python-docx.docx")))


def _add_word_table(document: Any, table: Table) -> None:
    from docx.oxml import OxmlElement

    rows = [*fill_grid(table.head), *fill_grid(table.body)]
    added = document.add_table(len(rows), len(rows[0]))
    added.style = "Table Grid"
    cells = [row.cells for row in added.rows]
    for place, row in enumerate(rows):
        for column, slot in enumerate(row):
            if slot.is_first:
                cells[place][column].text = slot.text
                if slot.rows > 1 or slot.columns > 1:
                    cells[place][column].merge(cells[place + slot.rows - 1][column + slot.columns - 1])
    for row in list(added.rows)[: len(table.head)]:
        row._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))


def make_fpdf2(corpus: Corpus) -> None:
    """fpdf2's PDF files, with shaped text."""
    need(modules=("fpdf", "uharfbuzz"), fonts=("sans", "sans-bold", "noto", "noto-bold", "zh", "ar"))
    from fpdf import FPDF

    class Page(FPDF):  # type: ignore[misc]  # the library has no types here
        """A page whose footnotes stand at its foot."""

        notes: dict[int, list[str]]

        def footer(self) -> None:
            self.set_font("main", size=7)
            for place, note in enumerate(self.notes.pop(self.page_no(), [])):
                self.set_y(-26 + 4 * place)
                self.cell(0, 4, note)
            self.set_y(-12)
            self.cell(0, 4, f"{self.page_no()}", align="C")

    for source in corpus.documents:
        page = Page()
        page.notes = {}
        _set_fonts(page, source)
        page.add_page()
        for block in source.blocks:
            _write_block(page, block, source)
        page.output(str(corpus.place(source.name, "fpdf2.pdf")))


def _set_fonts(page: Any, source: Source) -> None:
    page.set_creation_date(_MADE)
    page.set_auto_page_break(True, 30)
    family = "noto" if source.name == _SMALL else "sans"
    for style, latin in (("", family), ("B", f"{family}-bold")):
        font = FONTS.get(source.language, FONTS[latin])
        page.add_font("main", style, font, **({"collection_font_number": 0} if font.suffix == ".ttc" else {}))
        page.add_font("figures", style, FONTS["sans-bold" if style else "sans"])
    page.set_fallback_fonts(["figures"])
    page.set_text_shaping(True)


def _write_block(page: Any, block: Any, source: Source) -> None:
    align = "R" if source.from_right else "L"
    below = {"new_x": "LMARGIN", "new_y": "NEXT"}
    page.set_font("main", size=10)
    match block:
        case Heading():
            page.set_font("main", "B", 17 - 2 * block.level)
            page.multi_cell(0, 8, block.text, align=align, **below)
        case Paragraph() if source.from_right:
            page.multi_cell(0, 6, block.text, align=align, **below)
        case Paragraph():
            for text, number in block.parts():
                page.write(5, text)
                if number:
                    page.char_vpos = "SUP"
                    page.write(5, number)
                    page.char_vpos = "LINE"
                    page.notes.setdefault(page.page_no(), []).append(f"{number} {source.notes[number]}")
            page.ln(8)
        case Steps():
            for place, (step, inner) in enumerate(block.items, start=1):
                page.multi_cell(0, 5.5, f"{place}. {step}", **below)
                for letter, line in zip("abcdef", inner, strict=False):
                    page.set_x(page.l_margin + 8)
                    page.multi_cell(0, 5.5, f"{letter}) {line}", **below)
            page.ln(3)
        case Table():
            _add_pdf_table(page, block, source, align)


def _add_pdf_table(page: Any, table: Table, source: Source, align: str) -> None:
    page.set_font("main", size=9)
    with page.table(num_heading_rows=len(table.head), text_align=align) as added:
        for given in [*table.head, *table.body]:
            row = added.row()
            for cell in reversed(given) if source.from_right else given:
                text, rows, columns = read_cell(cell)
                row.cell(text, rowspan=rows, colspan=columns)
    page.ln(4)
