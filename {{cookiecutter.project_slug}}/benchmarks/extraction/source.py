"""A source document: what it says, once, before any program wrote it as a file; and the facts that follow from it."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).parent / "sources"
MARK = re.compile(r"\[\^(\w+)\]")
_EAST_ASIAN = re.compile("[\u3040-\u9fff]")
_CENTS = re.compile(r"-?\d+,\d\d")


@dataclass(frozen=True)
class Slot:
    """One slot of a table's grid: its cell's text and spans, and how far it is from the cell's first slot."""

    text: str
    rows: int
    columns: int
    down: int
    across: int

    @property
    def is_first(self) -> bool:
        return not self.down and not self.across


@dataclass(frozen=True)
class Heading:
    level: int
    text: str


@dataclass(frozen=True)
class Paragraph:
    """Sentences; `[^1]` in one is the mark of a footnote."""

    sentences: list[str]
    language: str = ""

    @property
    def text(self) -> str:
        return ("" if _EAST_ASIAN.search(self.sentences[0]) else " ").join(self.sentences)

    def parts(self) -> Iterator[tuple[str, str]]:
        """Yield the text in parts, and behind each the number of the footnote that is marked there, or nothing."""
        pieces = MARK.split(self.text)
        yield from zip(pieces[::2], [*pieces[1::2], ""], strict=True)


@dataclass(frozen=True)
class Steps:
    """Numbered steps, each with its lettered ones."""

    items: list[tuple[str, list[str]]]


@dataclass(frozen=True)
class Table:
    """A table. A cell is a text, or a text with the number of rows and of columns that it spans."""

    caption: str
    keys: list[str]
    head: list[list[Any]]
    body: list[list[Any]]

    def names(self) -> list[list[str]]:
        """Return each column's names, from the top."""
        rows = fill_grid(self.head)
        return [[row[place].text for row in rows if not row[place].down] for place in range(len(rows[0]))]


Block = Heading | Paragraph | Steps | Table


@dataclass(frozen=True)
class Source:
    """A document. `columns` is how many its text is set in."""

    name: str
    title: str
    language: str
    columns: int
    blocks: list[Block]
    notes: dict[str, str]
    questions: list[list[str]] = field(default_factory=list)

    @property
    def from_right(self) -> bool:
        return self.language == "ar"

    @property
    def is_latin(self) -> bool:
        return self.language in ("en", "de")


def read_cell(cell: Any) -> tuple[str, int, int]:
    """Return a cell's text, and how many rows and columns it spans."""
    return (cell, 1, 1) if isinstance(cell, str) else (cell[0], cell[1], cell[2])


def fill_grid(rows: list[list[Any]]) -> list[list[Slot]]:
    """Return the rows with every slot that a cell spans."""
    slots: dict[tuple[int, int], Slot] = {}
    for place, row in enumerate(rows):
        column = 0
        for cell in row:
            while (place, column) in slots:
                column += 1
            text, height, width = read_cell(cell)
            for down in range(height):
                for across in range(width):
                    slots[place + down, column + across] = Slot(text, height, width, down, across)
            column += width
    width = max(column for _, column in slots) + 1
    return [[slots[place, column] for column in range(width)] for place in range(len(rows))]


def load_sources() -> dict[str, Source]:
    """Return the source documents by name."""
    found = (json.loads(path.read_text(encoding="utf-8")) for path in sorted(SOURCES.glob("*.json")))
    return {each["name"]: Source(**{**each, "blocks": [_block(block) for block in each["blocks"]]}) for each in found}


def _block(given: dict[str, Any]) -> Block:
    if "heading" in given:
        return Heading(given["heading"], given["text"])
    if "sentences" in given:
        return Paragraph(given["sentences"], given.get("language", ""))
    if "steps" in given:
        return Steps([(step, inner) for step, inner in given["steps"]])
    return Table(given["caption"], given["keys"], given["head"], given["body"])


def list_facts(source: Source) -> dict[str, Any]:
    """Return what a reader of the source knows, as `measure` asks for it."""
    text: list[str] = []
    cells: list[dict[str, Any]] = []
    for block in source.blocks:
        match block:
            case Heading():
                text.append(block.text)
            case Paragraph():
                text += [MARK.sub("", sentence) for sentence in block.sentences]
            case Steps():
                text += [line for step, inner in block.items for line in (step, *inner)]
            case Table():
                cells += _list_cells(block)
    return {
        "source": source.name,
        "text": [*text, *source.notes.values()],
        "footnotes": list(source.notes.values()),
        "cells": cells,
        "questions": [{"question": q, "answer_contains": a, "about": about} for q, a, about in source.questions],
    }


def _list_cells(table: Table) -> Iterator[dict[str, Any]]:
    columns = [" / ".join(names) for names in table.names()]
    for row in fill_grid(table.body):
        key = {name: row[columns.index(name)].text for name in table.keys}
        for column, slot in zip(columns, row, strict=True):
            if column not in table.keys and slot.text:
                yield {"column": column, "row": key, "value": slot.text, "alt": _spellings(slot.text)}


def _spellings(value: str) -> list[str]:
    """Return how programs of another country spell a price."""
    point = value.replace(",", ".")
    return [point, point.rstrip("0").rstrip(".")] if _CENTS.fullmatch(value) else []
