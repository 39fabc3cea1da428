"""Judges the bytes of an upload: name and content must agree on what it is, whatever its declared type says.

Nothing is parsed here: a kind that takes a parser is only recognised, and read by the worker's confined process.
"""

import codecs
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from chatbot.core.characters import is_control
from chatbot.core.errors import TooLarge, Unprocessable, WrongMediaType
from chatbot.core.visible import visible_line, visible_text
from chatbot.database.documents import NewDocument

_MEGABYTE = 1024 * 1024
_MAX_TITLE = 200
_PART = 4096  # the first one with something to be seen is enough
MOST_BYTES = 8 * _MEGABYTE
_ACCEPTED = "a Markdown (.md), text (.txt), CSV (.csv, .tsv), HTML (.html), PDF (.pdf) or Word (.docx) file"
_WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
# programs may put a few bytes before a PDF's own beginning (ISO 32000-1, note in H.3)
_PDF_MARK, _PDF_MARK_WITHIN = b"%PDF-", 1024
_ZIP_MARK = b"PK\x03\x04"
_WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
# what no text in an encoding of one or two bytes holds, besides white space and the end mark of old programs
_CONTROL_BYTES = bytes(set(range(32)) - set(b"\t\n\f\r\x1a"))
_OLE_MARK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@dataclass(frozen=True, slots=True)
class _Kind:
    media_type: str
    most_bytes: int
    judge: Callable[[bytes], None]


def read_document(name: str, body: bytes, *, shared: bool) -> NewDocument:
    """Return the document that `body` holds. Raises `TooLarge`, `WrongMediaType` or `Unprocessable`."""
    title = clean_title(name)
    kind = _KINDS.get(PurePosixPath(title).suffix.lower())
    if kind is None:
        raise WrongMediaType(f"Upload {_ACCEPTED}.")
    if len(body) > kind.most_bytes:
        raise TooLarge(f"A document of this kind may have {kind.most_bytes // _MEGABYTE} MB. Split it into several.")
    if not body.strip():
        raise Unprocessable("The file is empty.")
    kind.judge(body)
    return NewDocument(title, kind.media_type, body, shared)


def clean_title(name: str) -> str:
    """Return a file name as a label: the last part of a path, without control and invisible characters."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    title = visible_line(last, _MAX_TITLE)
    if not title:
        raise Unprocessable("The file's name holds no visible character.")
    return title


def _judge_text(body: bytes) -> None:
    """Tell text from other bytes. Which encoding it is, if not UTF-8, the worker finds out."""
    if body.startswith(_WIDE_MARKS) or _is_wide(body):
        return
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        if len(body.translate(None, _CONTROL_BYTES)) < len(body):
            raise WrongMediaType("The file holds control characters, so it is no text file.") from None
        return
    if any(is_control(character) for character in set(text) - {"\r", "\x1a"}):
        raise WrongMediaType("The file holds control characters, so it is no text file.")
    if not any(visible_text(text[at : at + _PART]).strip() for at in range(0, len(text), _PART)):
        raise Unprocessable("The file holds no text.")


def _is_wide(body: bytes) -> bool:
    """Say whether every second byte is mostly zero: two bytes a character, without a mark."""
    return len(body) % 2 == 0 and max(body[::2].count(0), body[1::2].count(0)) > len(body) // 4


def _judge_hypertext(body: bytes) -> None:
    _judge_text(body)
    if b"<" not in body:  # in two bytes a character, too
        raise WrongMediaType("The file holds no HTML. If it is plain text, give it a name that ends in .txt.")


def _judge_pdf(body: bytes) -> None:
    if _PDF_MARK not in body[:_PDF_MARK_WITHIN]:
        raise WrongMediaType("The file is no PDF, though its name says so. Save it as PDF and upload it again.")


def _judge_word(body: bytes) -> None:
    if body.startswith(_OLE_MARK):
        raise WrongMediaType(
            "The file is encrypted, or of an old Word kind. Remove the password, save it as .docx and upload it again."
        )
    if not body.startswith(_ZIP_MARK) or b"[Content_Types].xml" not in body:
        raise WrongMediaType(
            "The file is no Word document, though its name says so. Save it as .docx and upload it again."
        )


# by the end of the name; the content must agree, and no parser is chosen by anything else
_KINDS = {
    ending: kind
    for kind, endings in {
        _Kind("text/markdown", 2 * _MEGABYTE, _judge_text): (".md", ".markdown"),
        _Kind("text/plain", 2 * _MEGABYTE, _judge_text): (".txt", ".text"),
        _Kind("text/csv", 2 * _MEGABYTE, _judge_text): (".csv", ".tsv"),
        _Kind("text/html", 2 * _MEGABYTE, _judge_hypertext): (".html", ".htm"),
        _Kind("application/pdf", MOST_BYTES, _judge_pdf): (".pdf",),
        _Kind(_WORD, MOST_BYTES, _judge_word): (".docx",),
    }.items()
    for ending in endings
}
