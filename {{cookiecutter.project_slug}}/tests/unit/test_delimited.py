"""Delimited text as spreadsheets and people write it."""

import time

import pytest

from chatbot.retrieval.notes import Note
from chatbot.retrieval.parsing.delimited import read_delimited


def read(text: str) -> list[str]:
    return [line for section in read_delimited(text).sections for line in section.text.split("\n") if line]


def test_a_row_with_an_open_quote_is_read_as_it_stands_and_those_below_it_too() -> None:
    outline = read_delimited('a,b\n"open,1\n3,4\n5,6\n')
    assert [line for s in outline.sections for line in s.text.split("\n") if line] == [
        'a: "open; b: 1',
        "a: 3; b: 4",
        "a: 5; b: 6",
    ]
    assert outline.notes == {Note.QUOTES: 1}


def test_letters_that_other_programs_take_for_line_ends_stay_in_their_cell() -> None:
    assert read("a,b\nx\u2028y\x0cz,1\n") == ["a: x y z; b: 1"]


def test_the_mark_is_the_one_that_parts_the_rows_evenly() -> None:
    assert read("Name;Pay\nMiller, Ann;5,100\nStone, Bob;4,900\n")[0] == "Name: Miller, Ann; Pay: 5,100"
    assert read("sep=|\na|b\n1|2\n") == ["a: 1; b: 2"]
    assert read("a\tb\n1,5\t2\n") == ["a: 1,5; b: 2"]


def test_lines_above_the_names_are_the_caption() -> None:
    outline = read_delimited("Report\n2026\n\nName,Room\nAda,1\n")
    assert [(s.title, s.text.strip()) for s in outline.sections] == [("Report 2026", "Name: Ada; Room: 1")]


def test_one_column_is_a_list() -> None:
    assert read("Name\nAda\nBo\n") == ["Name", "Ada", "Bo"]


@pytest.mark.parametrize(
    "text", ['"\n' * 200_000, '"a' * 400_000, ',"' * 300_000, "a,b\n" + '"x' * 50_000 + "\n1,2\n" * 1000, ";" * 500_000]
)
def test_a_hostile_file_costs_little(text: str) -> None:
    started = time.process_time()
    read_delimited(text)
    assert time.process_time() - started < 10
