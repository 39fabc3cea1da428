"""Judges the bytes of an upload: what they are is read from them, not from their name or declared type."""

import unicodedata
from pathlib import PurePosixPath

from chatbot.core.errors import TooLarge, Unprocessable, WrongMediaType
from chatbot.database.documents import NewDocument

MOST_BYTES = 2 * 1024 * 1024
# by the end of the name; whether the bytes are text is judged below, and no parser is chosen by anything else
_KINDS = {
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".txt": "text/plain",
    ".text": "text/plain",
    ".csv": "text/csv",
}
# format, private-use and unassigned characters hide text from the reader but not from the model
_HIDDEN = frozenset({"Cf", "Co", "Cn", "Cs"})
_KEPT = frozenset("\u200c\u200d")  # joiners that scripts and emoji need


def read_document(name: str, body: bytes, *, shared: bool) -> NewDocument:
    """Return the document that `body` holds. Raises `TooLarge`, `WrongMediaType` or `Unprocessable`."""
    if len(body) > MOST_BYTES:
        raise TooLarge(f"A document may have {MOST_BYTES // 1024 // 1024} MB. Split it into several.")
    title = clean_title(name)
    kind = _KINDS.get(PurePosixPath(title).suffix.lower())
    if kind is None:
        raise WrongMediaType("Upload a Markdown (.md), text (.txt) or CSV (.csv) file.")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise WrongMediaType("The file is not text in UTF-8. Save it as UTF-8 and upload it again.") from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if any(unicodedata.category(character) == "Cc" and character not in "\n\t\f" for character in text):
        raise WrongMediaType("The file holds control characters, so it is no text file.")
    text = "".join(c for c in text if c in _KEPT or unicodedata.category(c) not in _HIDDEN)
    if not text.strip():
        raise Unprocessable("The file holds no text.")
    return NewDocument(title, kind, text, shared)


def clean_title(name: str) -> str:
    """Return a file name as a label: the last part of a path, without control and invisible characters."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    title = "".join(c for c in last if unicodedata.category(c)[0] != "C").strip()[:200]
    if not title:
        raise Unprocessable("The file's name holds no visible character.")
    return title
