"""Turns a text file's bytes into text: by its byte-order mark, UTF-8, what it declares, else a detector. Runs confined.

Sources: the WHATWG Encoding Standard (labels; ISO 8859-1 means Windows-1252, GB 2312 means GB 18030), HTML Living
Standard 13.2.3.2 (where a page declares its encoding).
"""

import codecs
import re
from dataclasses import dataclass

import chardet
from chardet import EncodingEra

# longest first: UTF-32's mark begins with UTF-16's
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LABELS = {
    "ascii": "cp1252", "us-ascii": "cp1252", "iso-8859-1": "cp1252", "iso8859-1": "cp1252", "latin1": "cp1252",
    "latin-1": "cp1252", "l1": "cp1252", "x-cp1252": "cp1252", "iso-8859-9": "cp1254", "latin5": "cp1254",
    "iso-8859-11": "cp874", "tis-620": "cp874", "windows-874": "cp874", "gb2312": "gb18030", "gb_2312-80": "gb18030",
    "gbk": "gb18030", "x-gbk": "gb18030", "shift_jis": "cp932", "shift-jis": "cp932", "sjis": "cp932",
    "x-sjis": "cp932", "windows-31j": "cp932", "ms_kanji": "cp932", "euc-kr": "cp949", "ksc5601": "cp949",
    "ks_c_5601-1987": "cp949",
    "korean": "cp949", "windows-949": "cp949", "x-euc-jp": "euc_jp", "big5": "big5hkscs", "x-x-big5": "big5hkscs",
    "macintosh": "mac-roman", "x-mac-roman": "mac-roman", "x-mac-cyrillic": "mac-cyrillic", "koi8-r": "koi8-u",
    "iso-8859-8-i": "iso8859-8", "unicode": "utf-8", "unicode-1-1-utf-8": "utf-8", "utf-16": "utf-8",
    "utf-16le": "utf-8", "utf-16be": "utf-8",
}  # fmt: skip
_DECLARED = re.compile(
    rb"""<(?:meta|\?xml)\b[^>]{0,300}?\b(?:charset|encoding)\s{0,9}=\s{0,9}["']?\s{0,9}([\w.:-]{1,40})""", re.I
)
_DECLARED_WITHIN = 4096
_DETECTED_WITHIN = 200_000
# below it the detector guesses from too little: what most programs wrote is the better guess
_MIN_CONFIDENCE = 0.03
_FALLBACK = "cp1252"
# Mac OS ended lines with a carriage return alone: Excel's "CSV (Macintosh)" still does, in the encoding of that time
_CARRIAGE_RETURNS = "mac-roman"


@dataclass(frozen=True, slots=True)
class Decoded:
    """A file's text, and the encoding where it was assumed."""

    text: str
    assumed: str = ""


class NotText(Exception):
    """The bytes are no text in any encoding that is known."""


def decode_text(body: bytes, *, markup: bool = False) -> Decoded:
    """Return the text of a file. `markup` says that a declaration of HTML or XML in it counts. Raises `NotText`."""
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            return Decoded(_decode(body[len(mark) :], encoding))
    if body.count(0) > len(body) // 10:
        return _without_mark(body)
    try:
        return Decoded(body.decode("utf-8"))
    except UnicodeDecodeError:
        pass
    declared = _find_declared(body) if markup else ""
    if declared:
        try:
            return Decoded(body.decode(declared))
        except UnicodeDecodeError:
            pass  # it says something that it is not
    return _detect(body)


def warm_up() -> None:
    """Load what the detector reads from files on first use."""
    for sample in ("Straße\n".encode("cp1252"), "事務所は九時に".encode("cp932"), "Офис".encode("cp1251")):
        _detect(sample)


def _decode(body: bytes, encoding: str) -> str:
    try:
        return body.decode(encoding)
    except UnicodeDecodeError:
        # a mark is clear: one broken place does not make it another encoding
        text = body.decode(encoding, "replace")
        if text.count("\ufffd") > 1 + len(text) // 1000:
            raise NotText from None
        return text


def _without_mark(body: bytes) -> Decoded:
    """Return text of two bytes a character, as some programs write it without a mark."""
    encoding = "utf-16-le" if body[1::2].count(0) >= body[::2].count(0) else "utf-16-be"
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError:
        raise NotText from None
    if "\0" in text:
        raise NotText
    return Decoded(text, encoding)


def _find_declared(body: bytes) -> str:
    found = _DECLARED.search(body[:_DECLARED_WITHIN])
    if found is None:
        return ""
    label = found[1].decode("ascii", "replace").lower()
    try:
        info = codecs.lookup(_LABELS.get(label, label))
    except (LookupError, ValueError):
        return ""
    # rot13, base64 and the like are no encodings of letters
    return (
        info.name
        if getattr(info, "_is_text_encoding", False) and info.name not in ("utf-7", "idna", "punycode")
        else ""
    )


def _detect(body: bytes) -> Decoded:
    found = chardet.detect(body[:_DETECTED_WITHIN], encoding_era=EncodingEra.MODERN_WEB)
    encoding = str(found["encoding"] or _FALLBACK)
    is_guess = (found["confidence"] or 0) < _MIN_CONFIDENCE
    if is_guess and b"\r" in body and b"\n" not in body:
        encoding = _CARRIAGE_RETURNS
    elif is_guess and codecs.lookup(encoding).name.startswith(("cp125", "iso8859")):
        encoding = _FALLBACK
    for name in (encoding, _FALLBACK):
        try:
            text = body.decode(_LABELS.get(name.lower(), name))
        except UnicodeDecodeError:
            continue
        return Decoded(text, codecs.lookup(_LABELS.get(name.lower(), name)).name)
    raise NotText
