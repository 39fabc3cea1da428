"""How much of a document is read: sentences, table cells, and questions that a passage answers, by producer and format.

    python -m benchmarks.extraction.measure FOLDER [--details] [--only TEXT]

FOLDER holds `facts.jsonl`, a line for each source (its sentences, cells and questions), and `out/<source>/<producer>.<kind>`,
what real programs made of it (`benchmarks.extraction.produce` makes both).
"""

import argparse
import json
import re
import sys
import time
import unicodedata
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chatbot.core.errors import Problem
from chatbot.model.embedding import HashingEmbedder
from chatbot.retrieval.chunking import Piece, cut_document
from chatbot.retrieval.extraction import extract_text
from chatbot.retrieval.outline import Reading

KINDS = {
    ".pdf": "application/pdf",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".html": "text/html",
    ".md": "text/markdown",
    ".csv": "text/csv",
    ".txt": "text/plain",
}
# its columns are spaces: there is no cell that could stand behind a name
WITHOUT_CELLS = (".txt",)
PASSAGES = 6
_RAISED = re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹]+")


@dataclass
class Score:
    """What was found of what was asked for."""

    text: list[bool] = field(default_factory=list)
    cells: list[bool] = field(default_factory=list)
    questions: list[bool] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, other: "Score") -> None:
        """Take in another document's."""
        self.text += other.text
        self.cells += other.cells
        self.questions += other.questions


def plain(text: str) -> str:
    """Return a text as it is compared: one spelling of each letter, without spaces and raised numbers."""
    return "".join(unicodedata.normalize("NFKC", _RAISED.sub("", text)).casefold().split())


def score(path: Path, facts: dict[str, Any]) -> Score:
    """Return what of a source's facts is found in a file made of it."""
    started = time.perf_counter()
    try:
        reading = extract_text(KINDS[path.suffix], path.read_bytes())
    except Problem as problem:
        found = score_reading(None, facts, with_cells=path.suffix not in WITHOUT_CELLS)
        found.missing.insert(0, f"REFUSED: {problem.detail}")
    else:
        found = score_reading(reading, facts, with_cells=path.suffix not in WITHOUT_CELLS)
    found.seconds = time.perf_counter() - started
    return found


def score_reading(reading: Reading | None, facts: dict[str, Any], *, with_cells: bool = True) -> Score:
    """Return what of a source's facts is found in what was read of a file."""
    found = Score()
    pieces = cut_document(reading.sections) if reading else []
    whole = plain("".join(f"{s.title}\n{s.text}\n" for s in reading.sections)) if reading else ""
    for sentence in facts["text"]:
        found.text.append(plain(sentence) in whole)
        found.missing += [] if found.text[-1] else [f"text: {sentence}"]
    for sentence in facts.get("absent", ()):
        found.text.append(plain(sentence) not in whole)
        found.missing += [] if found.text[-1] else [f"read though its reader does not see it: {sentence}"]
    rows = [f";{plain(line)};" for piece in pieces for line in piece.content.split("\n")]
    for cell in facts["cells"] if with_cells else ():
        found.cells.append(any(_holds(row, cell) for row in rows))
        found.missing += [] if found.cells[-1] else [f"cell: {cell['row']} {cell['column']} = {cell['value']}"]
    for question in facts.get("questions", ()):
        best = rank(question["question"], pieces)[:PASSAGES]
        found.questions.append(any(plain(question["answer_contains"]) in plain(piece.content) for piece in best))
        found.missing += [] if found.questions[-1] else [f"question: {question['question']}"]
    return found


def _holds(row: str, cell: dict[str, Any]) -> bool:
    """Say whether a row says the cell's value behind its column's name, beside the values that tell the row.

    A name of two levels may be spelled as the file does that has only one line of names.
    """
    names = {cell["column"], cell["column"].replace(" / ", " › ")}
    wanted = [plain(f"{name}: {value}") for name in names for value in (cell["value"], *cell.get("alt", ()))]
    keys = [plain(str(value)) for value in cell["row"].values()]
    return any(f";{each};" in row for each in wanted) and all(f"{key};" in row for key in keys)


def rank(question: str, pieces: list[Piece]) -> list[Piece]:
    """Return the passages by likeness with the question, best first."""
    embed = HashingEmbedder().embed
    asked = embed(question)
    vectors = [embed(f"{piece.section} {piece.content}") for piece in pieces]
    likeness = [sum(a * b for a, b in zip(asked, vector, strict=True)) for vector in vectors]
    return [piece for _, piece in sorted(zip(likeness, pieces, strict=True), key=lambda pair: -pair[0])]


def main() -> int:
    """Print the table, and what was not read."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--details", action="store_true", help="what was not found, file by file")
    parser.add_argument("--only", default="", help="files whose path holds this")
    chosen = parser.parse_args()
    scores: dict[str, Score] = defaultdict(Score)
    unread: list[str] = []
    for line in (chosen.folder / "facts.jsonl").read_text(encoding="utf-8").splitlines():
        facts = json.loads(line)
        for path in sorted((chosen.folder / "out" / facts["source"]).glob("*")):
            if path.suffix not in KINDS or chosen.only not in str(path):
                unread += [str(path)] if path.suffix not in KINDS else []
                continue
            one = score(path, facts)
            scores[path.name].add(one)
            scores[f"all {path.suffix[1:]}"].add(one)
            if one.missing:
                print(f"{facts['source']}/{path.name}: {len(one.missing)} not read ({one.seconds:.1f} s)")
                print(*(f"    {each}\n" for each in one.missing if chosen.details), sep="", end="")
    print(f"\n{'':34}{'text':>12}{'cells':>12}{'questions':>12}")
    for name, total in sorted(scores.items(), key=lambda item: (item[0].startswith("all"), item[0])):
        print(f"{name:34}" + "".join(f"{_share(found):>12}" for found in (total.text, total.cells, total.questions)))
    if unread:
        print(f"Of no kind that is read: {', '.join(unread)}")
    return 0


def _share(found: list[bool]) -> str:
    return f"{sum(found) / len(found):.3f} {len(found):>4}" if found else "-"


if __name__ == "__main__":
    sys.exit(main())
