"""The text of a Word document (DOCX) that its reader sees. Runs confined.

Left out are hidden text, text in the paper's colour or a point high, deleted and moved text, field codes, and comments,
pictures and charts, which are counted. What layout makes is written: numbers of lists and headings, notes below the
paragraph that refers to them, headers and footers that some page shows. Source: ECMA-376, part 1 (WordprocessingML).
"""

from collections.abc import Iterator
from typing import Any

from lxml import etree

from chatbot.retrieval.notes import Note
from chatbot.retrieval.outline import Outline, Reading
from chatbot.retrieval.parsing.grid import Grid
from chatbot.retrieval.parsing.markers import raise_text
from chatbot.retrieval.parsing.word.equations import MATH, write_equation
from chatbot.retrieval.parsing.word.look import Looks
from chatbot.retrieval.parsing.word.numbering import Numbering
from chatbot.retrieval.parsing.word.package import Package, Part
from chatbot.retrieval.refusal import Refusal, Refused

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_GRAPHIC = "{http://schemas.openxmlformats.org/drawingml/2006/main}graphicData"
# what Word shows the content of; deleted and moved text, properties and what nobody knows are not among them
_SHOWN = frozenset(
    f"{_W}{name}"
    for name in (
        "body p r t tbl tr tc sdt sdtContent smartTag customXml ins moveTo hyperlink fldSimple dir bdo ruby rubyBase rt"
        " pict object drawing txbxContent tab br cr noBreakHyphen ptab sym footnoteReference endnoteReference fldChar"
        " ffData checkBox"
    ).split()
)
_DELETED = frozenset({f"{_W}del", f"{_W}moveFrom"})
_DRAWN = (
    MATH, "{http://schemas.openxmlformats.org/drawingml/", "{http://schemas.microsoft.com/office/",
    "{urn:schemas-microsoft-com:", "{http://schemas.openxmlformats.org/markup-compatibility/",
)  # fmt: skip
_SPACES = {f"{_W}tab": "\t", f"{_W}br": "\n", f"{_W}cr": "\n", f"{_W}noBreakHyphen": "-", f"{_W}ptab": "\t"}
# letters of the symbol fonts that forms use, by their code without the private area's prefix
_SYMBOLS = {0xFE: "☒", 0xFC: "✓", 0xFB: "✗", 0xA8: "☐", 0x6F: "☐", 0x6E: "■", 0xB7: "•", 0xE0: "→", 0xF0: "→"}
_SYMBOL_MASK = 0xFF
_NOTES = {f"{_W}footnoteReference": "footnotes", f"{_W}endnoteReference": "endnotes"}
_MAX_SPAN = 1000
_MAX_DEPTH = 100


def read_word(body: bytes) -> Reading:
    """Return what is visible in a Word document. Raises `Refused` or `TooMuchText`."""
    package = Package(body)
    main = package.main_part()
    if main.root.tag != f"{_W}document":
        raise Refused(Refusal.NOT_WORD)
    try:
        text = _Text(package, main)
        text.read(main.root)
        text.read_margins()
    except (etree.LxmlError, LookupError, AttributeError, TypeError, ValueError):
        raise Refused(Refusal.BROKEN) from None
    return Reading(text.outline.sections, text.hidden, text.outline.notes)


class _Text:
    """Walks the document's elements in their order."""

    def __init__(self, package: Package, main: Part) -> None:
        self.outline = Outline()
        self.hidden = 0
        self._package = package
        self._main = main
        self._looks = Looks(self._related("styles"))
        self._numbering = Numbering(self._related("numbering"))
        self._notes = {kind: _notes_of(self._related(kind)) for kind in _NOTES.values()}
        self._numbers: dict[tuple[str, str], int] = {}
        self._pending: list[tuple[int, Any]] = []
        self._caption = ""
        self._codes: list[bool] = []
        comments = self._related("comments")
        self.outline.note(Note.COMMENTS, 0 if comments is None else len(comments.findall(f"{_W}comment")))

    def _related(self, kind: str) -> Any:
        for name in self._main.related(kind):
            part = self._package.part(name)
            if part is not None:
                return part.root
        return None

    def read(self, parent: Any, depth: int = 0) -> None:
        """Take in the paragraphs and tables below an element, those in content controls too."""
        if depth > _MAX_DEPTH:
            raise Refused(Refusal.NESTED)
        for child in parent:
            if not self._is_shown(child):
                continue
            if child.tag == f"{_W}p":
                self._read_paragraph(child)
            elif child.tag == f"{_W}tbl":
                self._read_table(child, depth)
            else:
                self.read(child, depth + 1)

    def read_margins(self) -> None:
        """Take in the headers and footers that some page shows, each text once."""
        settings = self._related("settings")
        even = settings is not None and settings.find(f"{_W}evenAndOddHeaders") is not None
        shown: dict[str, None] = {}
        for section in self._main.root.iter(f"{_W}sectPr"):
            first = section.find(f"{_W}titlePg") is not None
            for reference in (*section.findall(f"{_W}headerReference"), *section.findall(f"{_W}footerReference")):
                if {"first": first, "even": even}.get(reference.get(f"{_W}type", "default"), True):
                    shown[self._main.relations.get(reference.get(f"{_R}id"), ("", ""))[1]] = None
        texts: dict[str, None] = {}
        for part in filter(None, map(self._package.part, shown)):
            for paragraph in part.root.iter(f"{_W}p"):
                texts[" ".join("".join(self._visible(paragraph, paragraph, None)).split())] = None
        if any(texts):
            self.outline.heading(1, "Header and footer")
            for text in texts:
                self.outline.paragraph(text)

    def _read_paragraph(self, paragraph: Any) -> None:
        text = "".join(self._visible(paragraph, paragraph, None)).strip()
        level = self._looks.heading_level(paragraph)
        item = self._looks.list_item(paragraph)
        if text and item is not None:
            mark = self._numbering.next_mark(*item)
            text = text if level is not None and mark == "- " else f"{mark}{text}"
        self._caption = text if self._looks.is_caption(paragraph) else ""
        if level is not None:
            self.outline.heading(level, text)
        else:
            self.outline.paragraph(text)
        self._write_notes()

    def _write_notes(self) -> None:
        """Write the notes that the text before refers to, below it."""
        pending, self._pending = self._pending, []
        for number, note in pending:
            parts = ["".join(self._visible(paragraph, paragraph, None)) for paragraph in _below(note, f"{_W}p")]
            self.outline.paragraph(f"Note {number}: {' '.join(' '.join(parts).split())}")

    def _read_table(self, table: Any, depth: int) -> None:
        rows = [(row, list(_below(row, f"{_W}tc"))) for row in _below(table, f"{_W}tr") if self._shows_row(row)]
        if all(len(cells) <= 1 for _, cells in rows):  # a frame
            for _, cells in rows:
                for cell in cells:
                    self.read(cell, depth + 1)
            return
        grid = Grid()
        for place, (row, cells) in enumerate(rows):
            grid.skip(_span(row, "trPr", "gridBefore", 0))
            for cell in cells:
                self._read_cell(grid, cell)
            named = place == 0 and len(rows) > 1 and self._looks.has_names(table, row)
            grid.end_row(heading=named or self._looks.is_repeated(row))
        grid.write(self.outline, self._caption)
        self._write_notes()

    def _shows_row(self, row: Any) -> bool:
        hidden = self._looks.is_hidden_row(row)
        if hidden:
            self._count(row)
        return not hidden

    def _read_cell(self, grid: Grid, cell: Any) -> None:
        columns = _span(cell, "tcPr", "gridSpan", 1)
        merged = cell.find(f"{_W}tcPr/{_W}vMerge")
        if merged is not None and merged.get(f"{_W}val", "continue") == "continue":
            grid.continue_above(columns)
            return
        fill = self._looks.fill_of_cell(cell)
        parts, bold = [], True
        for paragraph in _below(cell, f"{_W}p"):
            item = self._looks.list_item(paragraph)
            text = "".join(self._visible(paragraph, paragraph, fill))
            parts.append(self._numbering.next_mark(*item) + text if item and text.strip() else text)
            runs = (run for run in paragraph.iter(f"{_W}r") if any(leaf.text for leaf in run.iter(f"{_W}t")))
            bold = bold and all(self._looks.is_bold(run, paragraph) for run in runs)
        grid.cell(" ".join(parts), columns=columns, heading=bold)

    def _visible(self, parent: Any, paragraph: Any, fill: str | None, depth: int = 0) -> Iterator[str]:
        """Yield the visible pieces of text below an element: a run's, a link's, an insertion's, a text box's."""
        if depth > _MAX_DEPTH:
            raise Refused(Refusal.NESTED)
        for child in parent:
            if not self._is_shown(child):
                continue
            if child.tag == f"{_W}r" and self._hides(child, paragraph, fill):
                continue
            if child.tag == f"{_W}t":
                yield self._unless_code(child.text or "")
            elif child.tag in (f"{MATH}oMath", f"{MATH}oMathPara"):
                yield write_equation(child, lambda run: self._hides(run, paragraph, fill))
            elif child.tag == f"{_W}p":  # in a text box
                yield " "
                yield from self._visible(child, child, None, depth + 1)
            else:
                yield self._mark_of(child)
                yield from self._visible(child, paragraph, fill, depth + 1)

    def _is_shown(self, element: Any) -> bool:
        """Say whether an element's content is shown; text in one that Word does not know is counted as hidden."""
        tag = element.tag
        if not isinstance(tag, str):
            return False
        if tag in _SHOWN or tag.startswith(_DRAWN):
            return True
        if not tag.endswith("Pr") and tag not in _DELETED:
            self._count(element)
        return False

    def _count(self, element: Any) -> None:
        self.hidden += sum(len(leaf.text or "") for leaf in element.iter(f"{_W}t", f"{MATH}t"))

    def _unless_code(self, text: str) -> str:
        """Return text unless it stands in a field's code, which is computed and not shown."""
        if not any(self._codes):
            return text
        self.hidden += len(text)
        return ""

    def _enter_field(self, kind: str) -> None:
        """Follow a field's marks: its code stands before the mark `separate`, its result behind it."""
        if kind == "begin" and len(self._codes) < _MAX_DEPTH:
            self._codes.append(True)
        elif kind == "separate" and self._codes:
            self._codes[-1] = False
        elif kind == "end" and self._codes:
            self._codes.pop()

    def _hides(self, run: Any, paragraph: Any, fill: str | None) -> bool:
        hidden = self._looks.is_hidden(run, paragraph, fill)
        if hidden:
            self._count(run)
        return hidden

    def _mark_of(self, element: Any) -> str:
        """Return the text of an element that stands for some: a break, a symbol, a box to tick, a note's number."""
        tag = element.tag
        if tag == f"{_W}fldChar":
            self._enter_field(element.get(f"{_W}fldCharType", ""))
        if tag in _SPACES:
            return _SPACES[tag]
        if tag in _NOTES:
            return self._refer(_NOTES[tag], str(element.get(f"{_W}id")))
        if tag == f"{_W}sym":
            code = element.get(f"{_W}char", "")
            return _SYMBOLS.get(int(code, 16) & _SYMBOL_MASK, "") if len(code) == 4 else ""
        if tag == f"{_W}checkBox":
            ticked = element.find(f"{_W}checked")
            ticked = element.find(f"{_W}default") if ticked is None else ticked
            return "[x] " if ticked is not None and ticked.get(f"{_W}val", "1") not in ("0", "false") else "[ ] "
        if tag == f"{_W}object":
            self.outline.note(Note.OBJECTS)
        elif tag in (f"{_W}pict", _GRAPHIC):
            kind = element.get("uri", "picture").rpartition("/")[2]
            if kind in ("chart", "diagram", "chartex"):
                self.outline.note(Note.CHARTS)
            elif kind == "picture" and element.find(f".//{_W}txbxContent") is None:
                self.outline.note(Note.PICTURES)
        return ""

    def _refer(self, kind: str, identifier: str) -> str:
        note = self._notes[kind].get(identifier)
        if note is None:
            return ""
        number = self._numbers.setdefault((kind, identifier), len(self._numbers) + 1)
        self._pending.append((number, note))
        return raise_text(str(number))


def _notes_of(root: Any) -> dict[str, Any]:
    """Return a part's notes by their identifier, without the lines that part them from the text."""
    found = [] if root is None else root
    return {str(note.get(f"{_W}id")): note for note in found if note.get(f"{_W}type", "normal") == "normal"}


def _span(element: Any, properties: str, name: str, default: int) -> int:
    found = element.find(f"{_W}{properties}/{_W}{name}")
    text = "" if found is None else str(found.get(f"{_W}val", ""))
    return min(int(text[:6]), _MAX_SPAN) if text[:6].isascii() and text[:6].isdecimal() else default


def _below(parent: Any, tag: str) -> Iterator[Any]:
    """Yield the nearest elements of one kind, whatever stands between, but nothing that is not shown."""
    for child in parent:
        if child.tag == tag:
            yield child
        elif isinstance(child.tag, str) and (child.tag in _SHOWN or child.tag.startswith(_DRAWN)):
            yield from _below(child, tag)
