"""A table without lines around its cells keeps its columns: as TeX and browsers set it."""

from chatbot.retrieval.parsing.pdf.document import read_pdf
from tests.doubles.files import make_pdf, shown


def rows_of(*drawings: bytes) -> list[str]:
    text = "\n".join(section.text for section in read_pdf(make_pdf(b"".join(drawings))).sections)
    return [line for line in text.split("\n") if line]


def line(y: int, *cells: tuple[int, str], size: float = 9) -> bytes:
    return b"".join(shown(text, x=x, y=y, size=size) for x, text in cells)


def rule(y: int, left: int, right: int) -> bytes:
    return f"{left} {y} m {right} {y} l S\n".encode()


# by Helvetica's widths, the upper names and "71" stand over the middle of two columns
TRAVEL = (
    rule(712, 50, 330),
    line(700, (169, "Daily rate"), (268, "Hotel rate")),
    line(694, (50, "Region"), (100, "Season")),
    line(688, (150, "Standard"), (210, "City"), (250, "Standard"), (310, "City")),
    rule(684, 50, 330),
    line(674, (100, "Summer"), (150, "62"), (210, "188"), (250, "20"), (310, "31")),
    line(668, (50, "Nordic")),
    line(663, (100, "Winter"), (150, "55"), (210, "179"), (250, "21"), (310, "32")),
    line(651, (100, "Summer"), (183, "71"), (250, "22"), (310, "33")),
    line(645, (50, "Alpine")),
    line(640, (100, "Winter"), (150, "48"), (210, "166"), (250, "23"), (310, "34")),
    rule(634, 50, 330),
)


def test_a_label_between_two_rows_is_a_column_of_both() -> None:
    found = rows_of(*TRAVEL)
    assert found[0].startswith("Region: Nordic; Season: Summer; Daily rate › Standard: 62; Daily rate › City: 188; Ho")
    assert found[1].startswith("Region: Nordic; Season: Winter; Daily rate › Standard: 55; Daily rate › City: 179; Ho")
    assert found[3].endswith("Daily rate › City: 166; Hotel rate › Standard: 23; Hotel rate › City: 34")


def test_a_cell_in_the_middle_of_two_columns_stands_in_both() -> None:
    row = rows_of(*TRAVEL)[2]
    assert row.startswith("Region: Alpine; Season: Summer; Daily rate › Standard: 71; Daily rate › City: 71; Hotel")


def test_a_cell_at_its_column_s_edge_stays_in_it_beside_an_empty_one() -> None:
    found = rows_of(
        rule(712, 50, 300),
        line(700, (50, "Part"), (100, "Small"), (150, "A long name")),
        rule(694, 50, 300),
        line(684, (50, "P1"), (100, "12"), (150, "144 of them")),
        line(673, (50, "P2"), (150, "15")),
        line(662, (50, "P3"), (100, "13"), (150, "145 of them")),
        rule(656, 50, 300),
    )
    assert "Part: P2; A long name: 15" in found


def test_a_cell_in_the_middle_of_two_columns_does_not_join_them() -> None:
    found = rows_of(
        rule(720, 36, 200),
        line(708, (80, "Summer"), (141, "Winter")),
        line(697, (36, "Ship"), (74, "Day"), (98, "Week"), (131, "Day"), (155, "Week")),
        rule(691, 36, 200),
        line(681, (36, "Ferry"), (74, "310"), (98, "1,850"), (131, "260"), (155, "1,490")),
        line(670, (36, "Yacht"), (74, "54"), (98, "295"), (147, "free")),
        line(659, (36, "Raft"), (74, "12"), (98, "95"), (131, "10"), (155, "45")),
        rule(653, 36, 200),
    )
    assert "Ship: Ferry; Summer › Day: 310; Summer › Week: 1,850; Winter › Day: 260; Winter › Week: 1,490" in found
    assert "Ship: Yacht; Summer › Day: 54; Summer › Week: 295; Winter › Day: free; Winter › Week: free" in found


def test_a_raised_figure_in_a_cell_is_part_of_its_word() -> None:
    found = rows_of(
        rule(712, 50, 300),
        line(700, (50, "Fjord"), (100, "Mass \\(kg/m")),
        line(703, (147, "2"), size=6),
        line(700, (151, "\\)"), (200, "Depth")),
        rule(694, 50, 300),
        line(684, (50, "Salt"), (100, "7.2"), (200, "9")),
        line(673, (50, "Tys"), (100, "4.1"), (200, "8")),
        rule(667, 50, 300),
    )
    assert "Fjord: Salt; Mass (kg/m²): 7.2; Depth: 9" in found


CLOSE = (
    rule(712, 300, 440),
    line(700, (304, "Record"), (360, "Period"), (405, "Place")),
    rule(694, 300, 440),
    line(684, (304, "Invoices"), (360, "10 years"), (405, "Cellar")),
    # the gap to the next cell is hardly wider than the one between two words
    line(673, (304, "Applications"), (360, "6 months"), (405, "Loft")),
    line(662, (304, "Lists"), (360, "30 days"), (405, "Hall")),
    rule(656, 300, 440),
)


def test_a_row_whose_cells_almost_touch_is_parted_at_the_columns_of_the_others() -> None:
    found = rows_of(*CLOSE)
    assert "Record: Applications; Period: 6 months; Place: Loft" in found
    assert "Record: Lists; Period: 30 days; Place: Hall" in found


def test_a_table_between_rules_is_found_beside_a_column_of_text() -> None:
    text = b"".join(shown(f"Line {n} of a column of running text that goes", x=50, y=711 - 11 * n) for n in range(12))
    found = rows_of(text, *CLOSE)
    assert "Record: Invoices; Period: 10 years; Place: Cellar" in found
    assert any(line.startswith("Line 0 of a column of running text that goes Line 1 of a") for line in found)


def test_text_between_two_tables_with_rules_of_one_width_belongs_to_neither() -> None:
    def table(top: int, name: str) -> bytes:
        cells = [(name, "Size"), ("A", "12"), ("B", "14"), ("C", "16")]
        drawn = b"".join(line(top - 12 * n, (50, one), (120, two)) for n, (one, two) in enumerate(cells))
        return rule(top + 10, 46, 200) + drawn + rule(top - 3, 46, 200) + rule(top - 42, 46, 200)

    found = rows_of(
        table(700, "Berth"), line(640, (50, "Text that stands")), line(628, (50, "between")), table(600, "Quay")
    )
    assert [found[2], found[3], found[4]] == ["Berth: C; Size: 16", "Text that stands between", "Quay: A; Size: 12"]
