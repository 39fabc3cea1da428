"""The text of a Word document (DOCX) that its reader sees. Runs confined.

The package is judged before python-docx opens it: how many members, how large unpacked, no DTD, no macros. Left out
are hidden text, text in the paper's colour or a point high, deleted and moved text, comments and field codes.
Source: ECMA-376, parts 1 (WordprocessingML) and 2 (packaging).
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from docx import Document
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.opc.exceptions import OpcError
from docx.oxml.parser import parse_xml
from lxml import etree

from chatbot.retrieval.outline import Outline, Reading
from chatbot.retrieval.parsing.look import Looks
from chatbot.retrieval.refusal import Refusal, Refused

_MOST_MEMBERS, _MOST_UNPACKED, _MOST_RATIO = 2000, 64 * 1024 * 1024, 200
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_CHOICE_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_ENCRYPTED_FLAG = 0x1
# deleted and moved text is not shown; what stands in a fallback stands in the choice before it, too
_SKIPPED = frozenset({f"{_W}del", f"{_W}moveFrom", f"{_W}rPr", f"{_W}pPr", _CHOICE_FALLBACK})
_SPACES = {f"{_W}tab": "\t", f"{_W}br": "\n", f"{_W}cr": "\n", f"{_W}noBreakHyphen": "-", f"{_W}ptab": "\t"}
# what zipfile raises for a file that is put together wrongly
_FLAWS = (zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, EOFError, ValueError, OSError)
_MACRO_PARTS = ("word/vbaproject.bin",)


def read_word(body: bytes) -> Reading:
    """Return what is visible in a Word document. Raises `Refused`."""
    _judge_package(body)
    try:
        document = Document(io.BytesIO(body))
        text = _Text(Looks(_styles_of(document)))
        text.read(document.element.body)
        for name in (RELATIONSHIP_TYPE.FOOTNOTES, RELATIONSHIP_TYPE.ENDNOTES):
            for relation in document.part.rels.values():
                if relation.reltype == name and not relation.is_external:
                    text.outline.heading(1, "Notes")
                    text.read(parse_xml(relation.target_part.blob))
    except etree.XMLSyntaxError as error:
        out_of_memory = error.code == etree.ErrorTypes.ERR_NO_MEMORY
        raise Refused(Refusal.TOO_COSTLY if out_of_memory else Refusal.BROKEN) from None
    except (*_FLAWS, OpcError, etree.LxmlError, LookupError, AttributeError, TypeError):
        raise Refused(Refusal.BROKEN) from None
    return Reading(text.outline.sections, text.hidden)


def _styles_of(document: Any) -> Any:
    """Return the styles' element. python-docx would make up for missing ones from a file of its own."""
    found = [one for one in document.part.rels.values() if one.reltype == RELATIONSHIP_TYPE.STYLES]
    return found[0].target_part.element if found else parse_xml("<none/>")


def _judge_package(body: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as package:
            members = package.infolist()
            unpacked = sum(member.file_size for member in members)
            if len(members) > _MOST_MEMBERS or unpacked > min(_MOST_UNPACKED, _MOST_RATIO * max(len(body), 10_000)):
                raise Refused(Refusal.BOMB)
            names = {member.filename.lower() for member in members}
            if len(names) != len(members) or "word/document.xml" not in names:
                raise Refused(Refusal.BROKEN)
            if any(member.flag_bits & _ENCRYPTED_FLAG for member in members):
                raise Refused(Refusal.ENCRYPTED)
            if not names.isdisjoint(_MACRO_PARTS):
                raise Refused(Refusal.MACROS)
            for member in members:
                if member.filename.lower().endswith((".xml", ".rels")):
                    _judge_markup(package.read(member))
    except _FLAWS:
        raise Refused(Refusal.BROKEN) from None


def _judge_markup(content: bytes) -> None:
    plain = content.replace(b"\0", b"")  # in UTF-16 and UTF-32, too
    if b"<!DOCTYPE" in plain or b"<!ENTITY" in plain:
        raise Refused(Refusal.ENTITIES)


class _Text:
    """Walks the body's elements in the order of the document."""

    def __init__(self, looks: Looks) -> None:
        self.outline = Outline()
        self.hidden = 0
        self._looks = looks

    def read(self, parent: Any) -> None:
        """Take in the paragraphs and tables below an element, those in content controls too."""
        for child in parent:
            if child.tag in _SKIPPED or not isinstance(child.tag, str):
                continue
            if child.tag == f"{_W}p":
                self._read_paragraph(child)
            elif child.tag == f"{_W}tbl":
                self._read_table(child)
            else:
                self.read(child)

    def _read_paragraph(self, paragraph: Any, fill: str | None = None) -> None:
        text = "".join(self._visible(paragraph, paragraph, fill)).strip()
        level = self._looks.heading_level(paragraph)
        if level is not None:
            self.outline.heading(level, text)
        else:
            self.outline.paragraph(f"- {text}" if text and self._looks.is_list_item(paragraph) else text)

    def _read_table(self, table: Any) -> None:
        rows = [child for child in _below(table, f"{_W}tr")]
        names: list[str] = []
        for place, row in enumerate(rows):
            values = [self._cell(cell) for cell in _below(row, f"{_W}tc")]
            if place == 0 and len(rows) > 1 and len(values) > 1 and all(values) and self._looks.has_names(table, row):
                names = values
            else:
                self.outline.row(names, values)

    def _cell(self, cell: Any) -> str:
        fill = self._looks.fill_of_cell(cell)
        parts = ["".join(self._visible(paragraph, paragraph, fill)) for paragraph in _below(cell, f"{_W}p")]
        return " ".join(" ".join(parts).split())

    def _visible(self, parent: Any, paragraph: Any, fill: str | None) -> Iterator[str]:
        """Yield the visible pieces of text below an element: a run's, a link's, an insertion's, a text box's."""
        for child in parent:
            if child.tag in _SKIPPED or not isinstance(child.tag, str):
                continue
            if child.tag == f"{_W}r" and self._looks.is_hidden(child, paragraph, fill):
                self.hidden += sum(len(leaf.text or "") for leaf in child.iter(f"{_W}t"))
            elif child.tag == f"{_W}t":
                yield child.text or ""
            elif child.tag in _SPACES:
                yield _SPACES[child.tag]
            elif child.tag == f"{_W}p":  # in a text box
                yield " "
                yield from self._visible(child, child, None)
            else:
                yield from self._visible(child, paragraph, fill)


def _below(parent: Any, tag: str) -> Iterator[Any]:
    """Yield the nearest elements of one kind, whatever stands between, but nothing that is not shown."""
    for child in parent:
        if child.tag == tag:
            yield child
        elif isinstance(child.tag, str) and child.tag not in _SKIPPED:
            yield from _below(child, tag)
