"""An Office package: judged before anything in it is parsed, and its parts found by their relationships. Runs confined.

How many members, how large unpacked, no DTD, no macros. Which part is which is said by the package's own relationships:
names and folders differ from program to program, and the *strict* kind has namespaces of its own.
Source: ECMA-376, part 2 (packaging), and part 1, annex A (the strict namespaces).
"""

import io
import posixpath
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from lxml import etree

from chatbot.retrieval.refusal import Refusal, Refused

_MOST_MEMBERS, _MOST_UNPACKED, _MOST_RATIO = 2000, 64 * 1024 * 1024, 200
_ENCRYPTED_FLAG = 0x1
_RELATIONSHIP = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"
# the strict kind's namespaces, and the ones that everybody else uses
_STRICT = re.compile(
    rb"http://purl\.oclc\.org/ooxml/(officeDocument/(?:math|relationships)|wordprocessingml/main|drawingml/[a-zA-Z]+)"
)
_TRANSITIONAL = b"http://schemas.openxmlformats.org/"
_YEARS = {
    "officeDocument": b"officeDocument/2006",
    "wordprocessingml": b"wordprocessingml/2006",
    "drawingml": b"drawingml/2006",
}
_COMPATIBILITY = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_UNDERSTOOD = ("http://schemas.microsoft.com/office/", "http://schemas.openxmlformats.org/drawingml/")
_MACROS = "vbaproject"
# what zipfile raises for a file that is put together wrongly
_FLAWS = (zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, EOFError, ValueError, OSError)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the package: what it holds, and by an identifier the kind and the name of each part it refers to."""

    root: Any
    relations: dict[str, tuple[str, str]]

    def related(self, kind: str) -> Iterator[str]:
        """Yield the names of the parts of a kind, such as `styles`."""
        return (target for own, target in self.relations.values() if own == kind)


class Package:
    """An open package. Raises `Refused` for one that is unfit."""

    def __init__(self, body: bytes) -> None:
        try:
            with zipfile.ZipFile(io.BytesIO(body)) as package:
                self._content = _read_members(package, len(body))
        except _FLAWS:
            raise Refused(Refusal.BROKEN) from None

    def main_part(self) -> Part:
        """Return the part that is the document. Raises `Refused`."""
        found = [target for kind, target in self._relations("").values() if kind == "officedocument"]
        part = self.part(found[0]) if found else None
        if part is None:
            raise Refused(Refusal.BROKEN)
        return part

    def part(self, name: str) -> Part | None:
        """Return a part by its name, None if it is missing. Raises `Refused` if it is not XML."""
        content = self._content.get(name.lower())
        if content is None:
            return None
        return Part(_parse(content), self._relations(name))

    def _relations(self, name: str) -> dict[str, tuple[str, str]]:
        """Return the kind and the target of what a part refers to within the package; "" is the package itself."""
        folder, file = posixpath.split(name)
        content = self._content.get(posixpath.join(folder, "_rels", f"{file}.rels").lower())
        if content is None:
            return {}
        found = {}
        for relation in _parse(content).iter(_RELATIONSHIP):
            if relation.get("TargetMode", "Internal") == "Internal":
                target = unquote(relation.get("Target", ""))
                path = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
                found[relation.get("Id", "")] = (relation.get("Type", "").rpartition("/")[2].lower(), path)
        return found


def _read_members(package: zipfile.ZipFile, packed: int) -> dict[str, bytes]:
    members = package.infolist()
    unpacked = sum(member.file_size for member in members)
    if len(members) > _MOST_MEMBERS or unpacked > min(_MOST_UNPACKED, _MOST_RATIO * max(packed, 10_000)):
        raise Refused(Refusal.BOMB)
    if any(member.flag_bits & _ENCRYPTED_FLAG for member in members):
        raise Refused(Refusal.ENCRYPTED)
    names = {member.filename.replace("\\", "/").lstrip("/").lower() for member in members}
    if len(names) != len(members):
        raise Refused(Refusal.BROKEN)
    if any(_MACROS in name for name in names):
        raise Refused(Refusal.MACROS)
    found = {
        member.filename.replace("\\", "/").lstrip("/").lower(): package.read(member)
        for member in members
        if member.filename.lower().endswith((".xml", ".rels"))
    }
    for content in found.values():
        plain = content.replace(b"\0", b"")  # in UTF-16 and UTF-32, too
        if b"<!DOCTYPE" in plain or b"<!ENTITY" in plain:
            raise Refused(Refusal.ENTITIES)
    return found


def _parse(content: bytes) -> Any:
    if b"purl.oclc.org" in content:
        content = _STRICT.sub(_as_transitional, content)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True, remove_comments=True, remove_pis=True
    )
    try:
        return _choose_alternatives(etree.fromstring(content, parser))
    except etree.XMLSyntaxError as error:
        out_of_memory = error.code == etree.ErrorTypes.ERR_NO_MEMORY
        raise Refused(Refusal.TOO_COSTLY if out_of_memory else Refusal.BROKEN) from None


def _choose_alternatives(root: Any) -> Any:
    """Leave of each alternative what a word processor shows: the first choice that it understands, else the fallback.

    Source: ECMA-376 part 3, section 9.3.
    """
    for alternative in list(root.iter(f"{_COMPATIBILITY}AlternateContent")):
        choices = list(alternative.iterchildren(f"{_COMPATIBILITY}Choice", f"{_COMPATIBILITY}Fallback"))
        shown = next((choice for choice in choices if _is_understood(choice)), None)
        for choice in choices:
            if choice is not shown:
                alternative.remove(choice)
    return root


def _is_understood(choice: Any) -> bool:
    if choice.tag == f"{_COMPATIBILITY}Fallback":
        return True
    needed = choice.get("Requires", "").split()
    return bool(needed) and all(str(choice.nsmap.get(name, "")).startswith(_UNDERSTOOD) for name in needed)


def _as_transitional(found: re.Match[bytes]) -> bytes:
    folder, _, rest = found[1].partition(b"/")
    return _TRANSITIONAL + folder + b"/2006/" + rest
