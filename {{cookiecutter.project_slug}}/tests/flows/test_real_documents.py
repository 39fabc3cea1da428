"""What real programs wrote is read whole: sentences, table cells under their names, footnotes, each in one passage.

`benchmarks/extraction` builds the files and their facts (docs/extraction.md); these are a fixed few of them.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.extraction.measure import KINDS, plain, score
from chatbot.retrieval.chunking import cut_document
from chatbot.retrieval.extraction import extract_text

SAMPLES = Path(__file__).parents[1] / "samples" / "producers"
FILES = sorted(path for path in SAMPLES.iterdir() if path.suffix in KINDS)
LINES = (SAMPLES / "facts.jsonl").read_text(encoding="utf-8").splitlines()
FACTS: dict[str, Any] = {facts["source"]: facts for facts in map(json.loads, LINES)}


def facts_of(path: Path) -> Any:
    return FACTS[path.name.partition("-")[0]]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_sentence_and_every_cell_is_read(path: Path) -> None:
    found = score(path, facts_of(path))
    assert found.missing == []
    assert (len(found.text), len(found.cells)) == (len(facts_of(path)["text"]), len(facts_of(path)["cells"]))


@pytest.mark.parametrize("path", [path for path in FILES if facts_of(path)["footnotes"]], ids=lambda path: path.name)
def test_a_footnote_stands_in_one_passage_and_a_merged_cell_in_its_row(path: Path) -> None:
    passages = [
        plain(piece.content) for piece in cut_document(extract_text(KINDS[path.suffix], path.read_bytes()).sections)
    ]
    for note in facts_of(path)["footnotes"]:
        assert sum(plain(note) in passage for passage in passages) == 1
    if path.name.startswith("mini"):
        # one cell over two columns, below names of two levels
        row = [p for p in passages if "ship:yacht;" in p]
        assert len(row) == 1 and row[0].count(":free") == 2


def test_the_samples_cover_what_documents_are_made_of() -> None:
    assert len({path.stem.split("-")[1] for path in FILES}) >= 6
    assert {path.suffix for path in FILES} == {".pdf", ".docx", ".html"}
    assert {path.name.partition("-")[0] for path in FILES} == set(
        FACTS
    )  # footnote, ligatures; two columns; CJK; Arabic
    assert sum(path.stat().st_size for path in FILES) < 250_000
