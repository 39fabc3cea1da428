"""A table's values stand under their own columns' names, whatever its cells span."""

import pytest

from chatbot.retrieval.outline import Outline, TooMuchText
from chatbot.retrieval.parsing.grid import Grid


def rows(*lines: list[tuple], headings: int = 0, caption: str = "") -> list[str]:
    """Return the rows that a grid writes; a cell is its text, and how many columns and rows it spans."""
    grid = Grid()
    for place, line in enumerate(lines):
        for cell in line:
            text, columns, high = (*cell, 1, 1)[:3] if isinstance(cell, tuple) else (cell, 1, 1)
            grid.cell(text, columns=columns, rows=high)
        grid.end_row(heading=place < headings)
    outline = Outline()
    grid.write(outline, caption)
    return [
        line
        for section in outline.sections
        for line in (f"[{section.title}]", *section.text.split("\n"))
        if line != "[]" and line
    ]


def test_a_cell_over_rows_stands_in_each_and_one_over_columns_under_each_name() -> None:
    found = rows(["A", "B", "C"], [("x", 1, 2), "1", "2"], ["3", "4"], [("y", 2), "5"], headings=1)
    assert found == ["A: x; B: 1; C: 2", "A: x; B: 3; C: 4", "A: y; B: y; C: 5"]


def test_two_rows_of_names_are_joined_from_top_to_bottom() -> None:
    found = rows([("City", 1, 2), ("Limit", 2)], ["Day", "Night"], ["Bern", "1", "2"], headings=2)
    assert found == ["City: Bern; Limit › Day: 1; Limit › Night: 2"]
    assert rows([("City", 1, 2), ("Limit", 2)], ["Day", "Night"], ["Bern", "1", "2"], ["Rome", "3", "4"])[0] == found[0]


def test_a_row_of_one_cell_is_a_heading_of_those_below_it() -> None:
    found = rows(["A", "B"], [("North", 2)], ["1", "2"], [("South", 2)], ["3", "4"], [("All in EUR", 2)], headings=1)
    assert found == ["North; A: 1; B: 2", "South; A: 3; B: 4", "All in EUR"]


def test_words_above_figures_are_names_and_nothing_else_is_guessed() -> None:
    assert rows(["City", "Day", "Night"], ["Bern", "1", "2"])[0] == "City: Bern; Day: 1; Night: 2"
    assert rows(["Name", "Alice"], ["City", "Bern"]) == ["Name | Alice", "City | Bern"]
    assert rows(["2024", "2025", "2026"], ["1", "2", "3"]) == ["2024 | 2025 | 2026", "1 | 2 | 3"]


def test_a_caption_goes_with_each_row_and_ends_with_the_table() -> None:
    outline = Outline()
    outline.heading(1, "Travel")
    grid = Grid()
    for text in ("City", "Limit"):
        grid.cell(text, heading=True)
    grid.end_row()
    for text in ("Bern", "1"):
        grid.cell(text)
    grid.write(outline, "Limits in EUR")
    outline.paragraph("After.")
    assert [(s.title, s.text.strip()) for s in outline.sections] == [
        ("Travel", ""),
        ("Travel › Limits in EUR", "City: Bern; Limit: 1"),
        ("Travel", "After."),
    ]


@pytest.mark.parametrize("spans", [(10**9, 1), (1, 10**9), (1000, 10**6)])
def test_spans_without_end_cost_nothing(spans: tuple[int, int]) -> None:
    grid = Grid()
    try:
        for _ in range(2000):
            grid.cell("x", columns=spans[0], rows=spans[1])
            grid.end_row()
        grid.write(Outline())
    except TooMuchText:
        pass
    assert grid.width <= 1000
