"""What real programs wrote is read whole: sentences, table cells under their names, footnotes, each in one passage.

`benchmarks/extraction` builds the files and their facts (docs/extraction.md); these are a fixed few of them.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.extraction.measure import KINDS, plain, score_reading
from chatbot.retrieval.chunking import cut_document
from chatbot.retrieval.extraction import extract_text

SAMPLES = Path(__file__).parents[1] / "samples" / "producers"
FILES = sorted(path for path in SAMPLES.iterdir() if path.suffix in KINDS)
LINES = (SAMPLES / "facts.jsonl").read_text(encoding="utf-8").splitlines()
FACTS: dict[str, Any] = {facts["source"]: facts for facts in map(json.loads, LINES)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_real_program_s_document_is_read_whole_in_the_confined_process(path: Path) -> None:
    facts = FACTS[path.name.partition("-")[0]]
    reading = extract_text(KINDS[path.suffix], path.read_bytes())
    found = score_reading(reading, facts)
    assert found.missing == []
    assert (len(found.text), len(found.cells)) == (len(facts["text"]), len(facts["cells"]))
    passages = [plain(piece.content) for piece in cut_document(reading.sections)]
    for note in facts["footnotes"]:
        assert sum(plain(note) in passage for passage in passages) == 1
    if facts["source"] == "mini":  # a cell over two columns, below names of two levels
        [row] = [line for passage in passages for line in passage.split("ship:") if line.startswith("yacht;")]
        assert row.count(":free") == 2


def test_the_samples_cover_what_documents_are_made_of() -> None:
    assert len({path.stem.split("-")[1] for path in FILES}) >= 6
    assert {path.suffix for path in FILES} == {".pdf", ".docx", ".html"}
    assert {path.name.partition("-")[0] for path in FILES} == set(
        FACTS
    )  # footnote, ligatures; two columns; CJK; Arabic
    assert sum(path.stat().st_size for path in FILES) < 250_000
