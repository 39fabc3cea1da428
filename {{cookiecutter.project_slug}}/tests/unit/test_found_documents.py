"""Documents that people have: each was once refused, mixed up or half left out. What is right stands beside it."""

from pathlib import Path

import pytest

from chatbot.retrieval.extraction import extract_text
from chatbot.retrieval.notes import describe_notes
from tests.doubles.files import WORD

SAMPLES = Path(__file__).parents[1] / "samples" / "documents"
KINDS = {".csv": "text/csv", ".md": "text/markdown", ".html": "text/html", ".pdf": "application/pdf", ".docx": WORD}


def read(name: str) -> tuple[str, list[str]]:
    """Return the text with its headings, and the notes."""
    path = SAMPLES / name
    reading = extract_text(KINDS[path.suffix], path.read_bytes())
    text = "\n".join(f"[{section.title}]\n{section.text}" for section in reading.sections)
    return "\n".join(line for line in text.splitlines() if line), describe_notes(reading.notes)


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("csv-multiline-cell.csv", ["City: Berne; Address: Main street 5 3000 Berne; Phone: 031 111"]),
        ("csv-title-line-before-header.csv", ["[Staff list 2026]", "Name: Martha; Extension: 4410; Room: 14"]),
        ("csv-semicolon-quoted-comma-header.csv", ["Surname, first name: Miller, Ann; Pay, gross: 5100"]),
        ("csv-stray-quote.csv", ["part: Pipe; remark: thick and long; stock: 12", "part: Bolt; remark: short; stock: 40"]),
        ("csv-cp1252-excel-german.csv", ["Produkt: Tür; Größe: groß; Preis: 120 €"]),
        ("csv-utf16-excel-unicode-text.csv", ["Name: Martha; Room: 14", "Name: Jonas; Room: 22"]),
        ("html-windows1252-declared.html", ["[Öffnung]", "Das Büro öffnet um neun."]),
        ("html-rowspan-colspan.html", ["Floor: First; Room: Beta; Seats: 30", "Floor: All floors; Room: All floors; Seats: 42"]),
        ("html-ordered-list.html", ["1. Pull the plug.", "2. Wait one minute.", "- Hold the button.", "3. Insert the plug."]),
        ("md-big-table.md", ["[Stock]", "Part: part0000; Shelf: shelf 0; Count: 0", "Part: part0399; Shelf: shelf 29; Count: 1197"]),
        ("md-table-frontmatter.md", ["Item: Chair | stool; Net: 20; Gross: 24", "[Setext title]", "[Setext title › Sub title]"]),
        ("docx-merged-cells.docx", ["Region: North; Office: Bergen; Budget: 300; Staff: 7", "Region: South total; Office: South total; Budget: 900; Staff: 31"]),
        ("docx-numbered-steps.docx", ["3. Prime the pump by hand."]),
        ("docx-strict-ooxml.docx", ["The canteen closes at fourteen hours."]),
        ("docx-header-footer.docx", ["Document number QM-0417, version 3.2"]),
        ("docx-equation.docx", ["Load: F=(m·v)/t"]),
    ],
)  # fmt: skip
def test_what_a_reader_sees_is_in_the_text(name: str, lines: list[str]) -> None:
    found = read(name)[0].split("\n")
    assert [line for line in lines if line not in found] == [], found


def test_every_column_of_a_wide_table_is_kept_and_each_part_of_a_row_names_it() -> None:
    lines = read("csv-120-columns.csv")[0].split("\n")
    assert all(any(f"c{n}: v{n}" in line.split("; ") for line in lines) for n in range(120))
    assert all(line.startswith("c0: v0; ") for line in lines[1:])


def test_an_encoding_that_was_assumed_is_said_and_one_that_is_declared_is_not() -> None:
    assert read("csv-cp1252-excel-german.csv")[1] == [
        "Read as cp1252, because the file does not say how its letters are encoded."
    ]
    assert read("csv-utf16-excel-unicode-text.csv")[1] == read("html-windows1252-declared.html")[1] == []
