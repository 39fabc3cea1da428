"""Word documents written out by hand as Word writes them: split runs, merged cells, numbering, footnotes, two columns.

`sources/wordquirks/` is one such package, part by part: tracked changes, form fields, text boxes, nested tables. What
every package has (styles, numbering, relations) is taken from there.
"""

import io
import zipfile
from xml.sax.saxutils import escape

from benchmarks.extraction.source import SOURCES, Heading, Paragraph, Slot, Source, Steps, Table, fill_grid

QUIRKS = SOURCES / "wordquirks"
_NAMESPACES = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    ' xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
)
# the namespaces of ISO 29500 strict, which Word writes when asked to
_STRICT = (
    (
        "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
        "http://purl.oclc.org/ooxml/wordprocessingml/main",
    ),
    ("http://schemas.openxmlformats.org/officeDocument/2006/", "http://purl.oclc.org/ooxml/officeDocument/"),
    ("http://schemas.openxmlformats.org/drawingml/2006/", "http://purl.oclc.org/ooxml/drawingml/"),
)
_SIDES = ("top", "left", "bottom", "right", "insideH", "insideV")
_BORDERS = "".join(f'<w:{side} w:val="single" w:sz="4" w:space="0" w:color="auto"/>' for side in _SIDES)
_PAGE = (
    '<w:headerReference w:type="default" r:id="rId5"/><w:footerReference w:type="default" r:id="rId6"/>'
    '<w:pgSz w:w="11906" w:h="16838"/><w:pgMar w:top="1417" w:right="1417" w:bottom="1134" w:left="1417"'
    ' w:header="708" w:footer="708" w:gutter="0"/>'
)
_MIN_SPLIT = 24
_WIDTHS = {1: 9000, 2: 4200}
_MADE = (2024, 1, 1, 0, 0, 0)


def quirks() -> bytes:
    """Return the document of Word's quirks."""
    parts = {path.relative_to(QUIRKS).as_posix(): path.read_text(encoding="utf-8") for path in _list_parts()}
    return _pack(parts)


def to_word(source: Source) -> bytes:
    """Return a source document as Word would write it."""
    parts = {path.relative_to(QUIRKS).as_posix(): path.read_text(encoding="utf-8") for path in _list_parts()}
    columns = f'<w:cols w:num="{source.columns}" w:space="400"/>' if source.columns > 1 else ""
    body = "".join(_blocks(source)) + f"<w:sectPr>{_PAGE}{columns}</w:sectPr>"
    parts["word/document.xml"] = f"<w:document {_NAMESPACES}><w:body>{body}</w:body></w:document>"
    notes = "".join(_note(number, text) for number, text in source.notes.items())
    parts["word/footnotes.xml"] = f"<w:footnotes {_NAMESPACES}>{notes}</w:footnotes>"
    parts["word/comments.xml"] = f"<w:comments {_NAMESPACES}/>"
    parts["word/header1.xml"] = f"<w:hdr {_NAMESPACES}>{_paragraph(_run('For internal use'))}</w:hdr>"
    return _pack(parts)


def to_strict(package: bytes) -> bytes:
    """Return a Word document in the namespaces of strict Office Open XML."""
    parts: dict[str, str] = {}
    with zipfile.ZipFile(io.BytesIO(package)) as opened:
        for name in opened.namelist():
            text = opened.read(name).decode()
            for usual, strict in _STRICT:
                text = text.replace(usual, strict)
            parts[name] = text.replace('w:left="', 'w:start="') if name == "word/numbering.xml" else text
    return _pack(parts)


def _list_parts() -> list[object]:
    # the list of its parts comes first in a package
    return sorted(path for path in QUIRKS.rglob("*") if path.is_file() and path.name != "facts.json")


def _pack(parts: dict[str, str]) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as package:
        for name, text in parts.items():
            package.writestr(zipfile.ZipInfo(name, _MADE), text, zipfile.ZIP_DEFLATED)
    return body.getvalue()


def _run(text: str, properties: str = "") -> str:
    look = f"<w:rPr>{properties}</w:rPr>" if properties else ""
    return f'<w:r>{look}<w:t xml:space="preserve">{escape(text)}</w:t></w:r>'


def _split_run(text: str, properties: str = "") -> str:
    """Return runs that part in the middle of words, as the spelling checker leaves them."""
    if len(text) < _MIN_SPLIT:
        return _run(text, properties)
    third = len(text) // 3
    parts = (text[:third], text[third : 2 * third], text[2 * third :])
    return '<w:proofErr w:type="spellStart"/>'.join(_run(part, properties) for part in parts)


def _paragraph(inner: str, style: str = "", properties: str = "") -> str:
    named = f'<w:pStyle w:val="{style}"/>' if style else ""
    return f"<w:p><w:pPr>{named}{properties}</w:pPr>{inner}</w:p>"


def _note(number: str, text: str) -> str:
    sign = '<w:r><w:rPr><w:rStyle w:val="Funotenzeichen"/></w:rPr><w:footnoteRef/></w:r>'
    return f'<w:footnote w:id="{number}">{_paragraph(sign + _run(" ") + _split_run(text), "Funotentext")}</w:footnote>'


def _reference(number: str) -> str:
    if not number:
        return ""
    return f'<w:r><w:rPr><w:rStyle w:val="Funotenzeichen"/></w:rPr><w:footnoteReference w:id="{number}"/></w:r>'


def _blocks(source: Source) -> list[str]:
    found: list[str] = []
    turn, runs = ("<w:bidi/>", "<w:rtl/>") if source.from_right else ("", "")
    for block in source.blocks:
        match block:
            case Heading():
                found.append(_paragraph(_split_run(block.text, runs), f"berschrift{block.level}", turn))
            case Paragraph():
                parts = (_split_run(text, runs) + _reference(number) for text, number in block.parts() if text)
                found.append(_paragraph("".join(parts), "", turn))
            case Steps():
                for step, inner in block.items:
                    found += [_step(step, 0), *(_step(line, 1) for line in inner)]
            case Table():
                found.append(_paragraph(_run(block.caption, runs), "Beschriftung", turn))
                found += [_table(block, source), _paragraph("")]
    return found


def _step(text: str, level: int) -> str:
    number = f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="1"/></w:numPr>'
    return _paragraph(_split_run(text), "Listenabsatz", number)


def _table(table: Table, source: Source) -> str:
    count = len(table.names())
    width = _WIDTHS[source.columns] // count
    rows = [_row(row, width, source, head=True) for row in fill_grid(table.head)]
    rows += [_row(row, width, source, head=False) for row in fill_grid(table.body)]
    turned = "<w:bidiVisual/>" if source.from_right else ""
    return (
        f"<w:tbl><w:tblPr>{turned}<w:tblBorders>{_BORDERS}</w:tblBorders></w:tblPr>"
        f"<w:tblGrid>{f'<w:gridCol w:w={chr(34)}{width}{chr(34)}/>' * count}</w:tblGrid>{''.join(rows)}</w:tbl>"
    )


def _row(row: list[Slot], width: int, source: Source, *, head: bool) -> str:
    look = ("<w:b/>" if head else "") + ("<w:rtl/>" if source.from_right else "")
    cells = ""
    for slot in row:
        if slot.across:
            continue
        wide = f'<w:gridSpan w:val="{slot.columns}"/>' if slot.columns > 1 else ""
        high = "" if slot.rows == 1 else "<w:vMerge/>" if slot.down else '<w:vMerge w:val="restart"/>'
        inner = "" if slot.down else _run(slot.text, look)
        turn = "<w:bidi/>" if source.from_right else ""
        cells += (
            f'<w:tc><w:tcPr><w:tcW w:w="{width * slot.columns}" w:type="dxa"/>{wide}{high}</w:tcPr>'
            f"{_paragraph(inner, '', turn)}</w:tc>"
        )
    return f"<w:tr>{'<w:trPr><w:tblHeader/></w:trPr>' if head else ''}{cells}</w:tr>"
