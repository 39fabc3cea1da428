"""Files as people and attackers make them: PDF written out by hand, Word documents by a library or as a bare package."""

import io
import zipfile
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from docx import Document

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def make_pdf(*pages: bytes, resources: bytes = b"", catalog: bytes = b"", more: tuple[bytes, ...] = (), packed: bool = False) -> bytes:  # fmt: skip
    """Return a PDF whose pages draw what is given; `more` are further objects, from number 4 on."""
    first = 4 + len(more)
    kids = b" ".join(b"%d 0 R" % (first + 2 * place) for place in range(len(pages)))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R %s>>" % catalog,
        b"<</Type/Pages/Count %d/Kids[%s]>>" % (len(pages), kids),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        *more,
    ]
    for drawing in pages:
        own = b"/Font<</F1 3 0 R>>%s" % resources
        page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents %d 0 R/Resources<<%s>>>>"
        objects += [page % (len(objects) + 2, own), make_stream(drawing, packed=packed)]
    body, offsets = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    start = b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
    end = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(body))
    return body + start + end


def make_stream(content: bytes, entries: bytes = b"", *, packed: bool = False) -> bytes:
    if packed:
        content, entries = zlib.compress(content, 9), entries + b"/Filter/FlateDecode"
    return b"<</Length %d%s>>stream\n%s\nendstream" % (len(content), entries, content)


def shown(text: str, *, x: int = 50, y: int = 700, size: float = 12, before: str = "") -> bytes:
    """Return the drawing of a text."""
    return f"q {before} BT /F1 {size} Tf {x} {y} Td ({text}) Tj ET Q\n".encode()


def make_word(fill: Callable[[Any], object]) -> bytes:
    """Return a Word document that `fill` was given to write."""
    document = Document()
    fill(document)
    body = io.BytesIO()
    document.save(body)
    return body.getvalue()


def make_package(content: str | bytes, more: Mapping[str, str | bytes] | None = None, *, pack: bool = True) -> bytes:
    """Return a Word document as a bare package around the elements of its body, or around a whole `document.xml`."""
    if isinstance(content, str):
        content = f"<w:document {_W}><w:body>{content}</w:body></w:document>".encode()
    members = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/word/document.xml" ContentType="{WORD}.main+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{_RELATIONS}"><Relationship Id="r1" Type="{_OFFICE}/officeDocument"'
        ' Target="word/document.xml"/></Relationships>',
        "word/document.xml": content,
        **(more or {}),
    }
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED if pack else zipfile.ZIP_STORED) as package:
        for name, text in members.items():
            package.writestr(name, text)
    return body.getvalue()


def paragraph(text: str, properties: str = "", paragraph_properties: str = "") -> str:
    """Return a paragraph of one run."""
    return (
        f"<w:p><w:pPr>{paragraph_properties}</w:pPr>"
        f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r></w:p>'
    )
