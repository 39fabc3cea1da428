"""A source document as reportlab lays it out: frames, paragraphs, nested lists, tables with spans, notes at the foot."""

import re
from html import escape
from pathlib import Path
from typing import Any

from benchmarks.extraction.producer import FONTS
from benchmarks.extraction.source import MARK, Heading, Paragraph, Source, Steps, Table, fill_grid

_MARGIN, _GUTTER, _SIZE, _CELL_SIZE = 57, 18, 9.5, 8.5
# fonts that every viewer has to bring, for what is written in Japanese, Korean, and else
_VIEWERS_FONTS = {"ja": "HeiseiMin-W3", "ko": "HYSMyeongJo-Medium", "zh": "STSong-Light"}
_KOREAN, _JAPANESE = re.compile("[\uac00-\ud7af]"), re.compile("[\u3040-\u30ff]|会議室|時間|階|円")


def build_pdf(source: Source, target: Path, *, embedded: bool = True) -> None:
    """Write a PDF. Without `embedded` fonts, the viewer brings the ones for Chinese, Japanese and Korean."""
    from reportlab.lib.pagesizes import A4
    from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate

    width, height = A4
    column = (width - 2 * _MARGIN - _GUTTER * (source.columns - 1)) / source.columns
    frames = [
        Frame(_MARGIN + place * (column + _GUTTER), 75, column, height - 135, 0, 0, 0, 0)
        for place in range(source.columns)
    ]

    def number_page(canvas: Any, document: Any) -> None:
        canvas.setFont("Helvetica", 7)
        canvas.drawRightString(width - _MARGIN, 24, f"Page {document.page}")

    document = BaseDocTemplate(str(target), pagesize=A4, title=source.title, invariant=1)
    document.addPageTemplates(PageTemplate(frames=frames, onPage=number_page))
    document.build(_Story(source, embedded=embedded).flowables())


class _Story:
    """Makes a source's flowables."""

    def __init__(self, source: Source, *, embedded: bool) -> None:
        from reportlab.pdfbase import pdfmetrics
        from reportlab.pdfbase.cidfonts import UnicodeCIDFont
        from reportlab.pdfbase.ttfonts import TTFont

        self._source = source
        self._by_language = not embedded
        self._font, self._bold = "Helvetica", "Helvetica-Bold"
        if not embedded:
            for name in _VIEWERS_FONTS.values():
                pdfmetrics.registerFont(UnicodeCIDFont(name))
        elif not _fits_standard_fonts(source):
            for name in ("sans", "sans-bold", "zh", "ar"):
                pdfmetrics.registerFont(TTFont(name, FONTS[name]))
            self._font = self._bold = source.language
            if source.is_latin:
                self._font, self._bold = "sans", "sans-bold"

    def flowables(self) -> list[Any]:
        """Return what reportlab lays out, from the top."""
        from reportlab.platypus import Paragraph as Text

        story: list[Any] = []
        for block in self._source.blocks:
            match block:
                case Heading():
                    style = self._style(self._font_of(block.text, self._bold), 18 - 3 * block.level)
                    story.append(Text(escape(self._shape(block.text)), style))
                case Paragraph() if self._source.from_right:
                    # a line each: reportlab breaks lines in the order of the letters as they are drawn
                    text = "<br/>".join(map(self._shape, block.sentences))
                    story.append(Text(text, self._style(self._font, _SIZE)))
                case Paragraph():
                    text = MARK.sub(r'<super size="7">\1</super>', escape(block.text, quote=False))
                    story.append(Text(text, self._style(self._font_of(block.text, self._font), _SIZE)))
                    story += [self._note(number) for _, number in block.parts() if number]
                case Steps():
                    story.append(self._list(block))
                case Table():
                    story.append(self._table(block))
        return story

    def _style(self, font: str, size: float) -> Any:
        from reportlab.lib.styles import ParagraphStyle

        wrap = "CJK" if self._source.language == "zh" else None
        align = 2 if self._source.from_right else 0
        return ParagraphStyle(
            font, fontName=font, fontSize=size, leading=1.35 * size, spaceAfter=5, alignment=align, wordWrap=wrap
        )

    def _shape(self, text: str) -> str:
        """Return Arabic text as it is usually given to reportlab: joined letters, in the order in which they stand."""
        if not self._source.from_right:
            return text
        from arabic_reshaper import reshape
        from bidi.algorithm import get_display

        return str(get_display(reshape(text)))

    def _font_of(self, text: str, usual: str) -> str:
        if not self._by_language:
            return usual
        return _VIEWERS_FONTS["ko" if _KOREAN.search(text) else "ja" if _JAPANESE.search(text) else "zh"]

    def _note(self, number: str) -> Any:
        from reportlab.platypus import Flowable

        font, text = self._font, self._source.notes[number]

        class Note(Flowable):  # type: ignore[misc]  # the library has no types
            """A footnote that takes no room where it is marked, and is drawn at the foot of that page."""

            def wrap(self, *_: float) -> tuple[float, float]:
                return 0, 0

            def draw(self) -> None:
                x, y = self.canv.absolutePosition(0, 0)
                self.canv.translate(_MARGIN - x, 62 - 11 * int(number) - y)
                self.canv.setFont(font, 5)
                self.canv.drawString(0, 3, number)
                self.canv.setFont(font, 7.5)
                self.canv.drawString(5, 0, text)

        return Note()

    def _list(self, steps: Steps) -> Any:
        from reportlab.platypus import ListFlowable, ListItem
        from reportlab.platypus import Paragraph as Text

        style = self._style(self._font, _SIZE)
        items = []
        for step, inner in steps.items:
            letters = ListFlowable([ListItem(Text(line, style)) for line in inner], bulletType="a", bulletFormat="%s.")
            items.append(ListItem([Text(step, style), letters]))
        return ListFlowable(items, bulletFormat="%s.")

    def _table(self, table: Table) -> Any:
        from reportlab.lib import colors
        from reportlab.platypus import Table as Drawn

        heads = len(table.head)
        style: list[tuple[Any, ...]] = [
            ("GRID", (0, 0), (-1, -1), 0.4, colors.grey),
            ("FONT", (0, 0), (-1, heads - 1), self._bold, _CELL_SIZE),
            ("FONT", (0, heads), (-1, -1), self._font, _CELL_SIZE),
            ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        ]
        rows: list[list[str]] = []
        for place, row in enumerate([*fill_grid(table.head), *fill_grid(table.body)]):
            rows.append([self._shape(slot.text) if slot.is_first else "" for slot in row])
            for column, slot in enumerate(row):
                corner = (column + slot.columns - 1, place + slot.rows - 1)
                if slot.is_first:
                    style.append(("SPAN", (column, place), corner))
                    style.append(
                        (
                            "FONT",
                            (column, place),
                            corner,
                            self._font_of(slot.text, self._bold if place < heads else self._font),
                            _CELL_SIZE,
                        )
                    )
        if self._source.from_right:
            rows = [row[::-1] for row in rows]
            style = style[:4]
        return Drawn(rows, repeatRows=heads, style=style, spaceAfter=6)


def _fits_standard_fonts(source: Source) -> bool:
    """Say whether the fonts that every viewer has hold all of the source's letters."""
    try:
        repr(source).encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True
