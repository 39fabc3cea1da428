"""A price list as spreadsheets save it: the dialects of CSV that Excel writes, and LibreOffice Calc's own files."""

import csv
import io
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.extraction.producer import Corpus, need
from benchmarks.extraction.programs import convert
from benchmarks.extraction.source import Table

_NAME = "prices"
# field separator, quote, encoding (LibreOffice's numbers), first line
_CALC = {"calc-semicolon-cp1252": "59,34,1,1", "calc-utf8": "44,34,76,1", "calc-utf16": "9,34,65535,1"}
# its first column as text: 00417 is no number
_READ = "Text - txt - csv (StarCalc):59,34,76,1,1/2"


def make_excel(corpus: Corpus) -> None:
    """Excel's dialects, written by Python's csv: separators, encodings, line ends, a point or a comma in numbers."""
    semicolons, tabs, commas = (
        _write(corpus, ";"),
        _write(corpus, "\t"),
        _write(corpus, ",").replace("1234,50", "1234.50"),
    )
    made = {
        "excel-semicolon-cp1252.csv": semicolons.encode("cp1252"),
        "excel-semicolon-utf8.csv": semicolons.encode("utf-8-sig"),
        "excel-comma-utf8.csv": commas.encode("utf-8-sig"),
        "excel-separator-line.csv": f"sep=;\r\n{semicolons}".encode("cp1252"),
        "excel-mac.csv": semicolons.replace("\r\n", "\r").replace("\n", "\r").encode("mac-roman"),
        "excel-tab-utf16.txt": b"\xff\xfe" + tabs.encode("utf-16-le"),
        "unix-comma-utf8.csv": commas.replace("\r\n", "\n").encode(),
    }
    for name, body in made.items():
        corpus.place(_NAME, name).write_bytes(body)


def make_calc(corpus: Corpus) -> None:
    """LibreOffice Calc's CSV files."""
    need("soffice")
    with TemporaryDirectory() as folder:
        given = Path(folder) / "prices.csv"
        given.write_text(_write(corpus, ";"), encoding="utf-8", newline="")
        for name, options in _CALC.items():
            convert(
                corpus, given, f"csv:Text - txt - csv (StarCalc):{options}", corpus.place(_NAME, f"{name}.csv"), _READ
            )


def _write(corpus: Corpus, separator: str) -> str:
    table = corpus.sources[_NAME].blocks[0]
    assert isinstance(table, Table)
    body = io.StringIO(newline="")
    csv.writer(body, delimiter=separator, lineterminator="\r\n").writerows([*table.head, *table.body])
    return body.getvalue()
