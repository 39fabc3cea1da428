"""Builds the corpus that `benchmarks.extraction.measure` reads: every source document through every producer there is.

    python -m benchmarks.extraction.produce FOLDER [PRODUCER …]

A producer whose program, library or font is not on this machine is named and left out; one that fails ends the build
with status 1, when the others are done.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from benchmarks.extraction import libraries, programs, spreadsheets
from benchmarks.extraction.producer import Absent, Corpus, Producer
from benchmarks.extraction.source import SOURCES, list_facts, load_sources

PRODUCERS: dict[str, Producer] = {
    "word": programs.make_word,
    "excel": spreadsheets.make_excel,
    "python-docx": libraries.make_python_docx,
    "reportlab": libraries.make_reportlab,
    "fpdf2": libraries.make_fpdf2,
    "weasyprint": libraries.make_weasyprint,
    "pandoc": programs.make_pandoc,
    "pandoc-pdf": programs.make_pandoc_pdf,
    "pdftex": programs.make_pdftex,
    "pdftex-type3": programs.make_bitmap_fonts,
    "luatex": programs.make_luatex,
    "chromium": programs.make_chromium,
    "libreoffice": programs.make_libreoffice,
    "calc": spreadsheets.make_calc,
}


def main() -> int:
    """Build the corpus and say how each producer fared."""
    parser = argparse.ArgumentParser(description="Build a corpus of real programs' documents with known facts.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("producers", nargs="*", choices=[[], *PRODUCERS], help="all of them when none is named")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    corpus = Corpus(chosen.folder, load_sources())
    write_facts(corpus)
    failed = [name for name in chosen.producers or PRODUCERS if not _make(name, corpus)]
    if failed:
        print(f"Failed: {', '.join(failed)}.", file=sys.stderr)
    return bool(failed)


def write_facts(corpus: Corpus) -> None:
    """Write what is known of each source, a line each."""
    facts = [*map(list_facts, corpus.sources.values())]
    facts.append(json.loads((SOURCES / "wordquirks" / "facts.json").read_text(encoding="utf-8")))
    lines = (json.dumps(each, ensure_ascii=False) + "\n" for each in facts)
    (corpus.folder / "facts.jsonl").write_text("".join(lines), encoding="utf-8")


def _make(name: str, corpus: Corpus) -> bool:
    started = time.monotonic()
    try:
        PRODUCERS[name](corpus)
    except Absent as absent:
        print(f"{name:14} LEFT OUT: {absent} is not on this machine", flush=True)
    except Exception as fault:
        print(f"{name:14} FAILED: {type(fault).__name__}: {fault}", flush=True)
        return False
    else:
        print(f"{name:14} made in {time.monotonic() - started:.1f} s", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
