"""Cuts a document into passages that can be found and cited on their own."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from chatbot.retrieval.outline import Section

PASSAGE_CHARACTERS = 1200


@dataclass(frozen=True, slots=True)
class Piece:
    """A passage: the headings above it, and its text."""

    section: str
    content: str


def cut_document(sections: Iterable[Section]) -> list[Piece]:
    """Return the passages of a document in order, each of at most `PASSAGE_CHARACTERS` characters.

    Cuts at headings first, then between paragraphs, then between sentences, then anywhere. No text is lost
    but headings, which stay as the section.
    """
    return [Piece(section.title, part) for section in sections for part in _parts(section.text)]


def _parts(body: str) -> list[str]:
    parts: list[str] = []
    for block in re.split(r"\n\s*\n", body):
        for piece in _fitting(block.strip()):
            if parts and len(parts[-1]) + 2 + len(piece) <= PASSAGE_CHARACTERS:
                parts[-1] += "\n\n" + piece
            else:
                parts.append(piece)
    return parts


def _fitting(block: str) -> list[str]:
    pieces: list[str] = []
    while len(block) > PASSAGE_CHARACTERS:
        window = block[:PASSAGE_CHARACTERS]
        cut = max(window.rfind(mark) for mark in ("\n", ". ", "! ", "? ")) + 1 or window.rfind(" ") + 1
        cut = cut or PASSAGE_CHARACTERS
        pieces.append(block[:cut].strip())
        block = block[cut:].strip()
    return [piece for piece in [*pieces, block] if piece]
