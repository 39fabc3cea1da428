"""The text of a page is read in its order, word by word, as typesetting programs draw it."""

import pytest

from chatbot.retrieval.parsing.pdf.document import read_pdf
from chatbot.retrieval.parsing.pdf.spans import join_lines
from tests.doubles.files import make_pdf, make_stream, shown


def text_of(*drawings: bytes, resources: bytes = b"", more: tuple[bytes, ...] = ()) -> str:
    sections = read_pdf(make_pdf(b"".join(drawings), resources=resources, more=more)).sections
    return "\n".join(f"{section.title}\n{section.text}" for section in sections)


def column(x: int, top: int, *lines: str, step: int = 14) -> bytes:
    return b"".join(shown(line, x=x, y=top - step * place, size=11) for place, line in enumerate(lines))


LEFT = [f"the left side goes on {n}" for n in range(8)]
RIGHT = [f"the right side goes on {n}" for n in range(8)]


def test_a_sentence_goes_on_in_the_next_column_past_a_footnote() -> None:
    note = shown("1 A note at the foot.", x=50, y=60, size=8)
    found = text_of(
        column(50, 700, *LEFT, "which was rejected only,"), note, column(320, 700, "where it was low.", *RIGHT)
    )
    assert "which was rejected only, where it was low." in found
    assert "\n1 A note at the foot.\n" in found


@pytest.mark.parametrize("end", ["a speed from 17 to", "a speed from 17 to."])
def test_a_number_goes_on_with_a_sentence_that_has_no_end_yet(end: str) -> None:
    found = text_of(column(50, 700, *LEFT, end), column(320, 700, "13 knots in all.", *RIGHT))
    assert ("17 to 13 knots in all." in found) is (end[-1] != ".")
    one_below = text_of(column(50, 700, *LEFT, end, "13 knots in all."))
    assert ("17 to 13 knots in all." in one_below) is (end[-1] != ".")


def test_a_line_that_stands_higher_than_the_other_column_belongs_to_its_own() -> None:
    found = text_of(column(50, 690, "And so it was", *LEFT), column(320, 700, "which they said.", *RIGHT))
    assert "goes on 7 which they said. the right side goes on 0" in found


def test_the_last_line_of_a_longer_column_belongs_to_it() -> None:
    found = text_of(column(50, 700, *LEFT, "at the end of the left."), column(320, 700, *RIGHT))
    assert "the left side goes on 7 at the end of the left." in found


def test_a_heading_beside_a_column_stays_out_of_it() -> None:
    found = text_of(column(50, 690, *LEFT), column(320, 690, *RIGHT), shown("A title above", x=320, y=730, size=11))
    assert found.index("A title above") < found.index("the left side goes on 0")


@pytest.mark.parametrize(
    ("one", "two", "joined"),
    [
        ("the inter-", "national", "the international"),
        ("are self-", "maintaining", "are self-maintaining"),
        ("it is self-", "ish", "it is selfish"),
        ("himself-", "like", "himselflike"),
        ("the twenty-four-", "hour watch", "the twenty-four-hour watch"),
        ("the gas\u2011", "filled", "the gas-filled"),
        ("the gas\u2010", "filled", "the gasfilled"),
    ],
)
def test_a_hyphen_of_the_word_s_own_stays(one: str, two: str, joined: str) -> None:
    assert join_lines(one, two) == joined


LATIN = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>"


@pytest.mark.parametrize(("back", "read"), [(400, "Caf\u00e9 noir"), (100, "Caf\u00b4e noir")])
def test_an_accent_that_is_drawn_over_a_letter_is_part_of_it(back: int, read: str) -> None:
    page = b"BT /F2 12 Tf 10 700 Td [(Caf\\264) %d (e noir)] TJ ET" % back
    assert read in text_of(page, resources=b"/Font<</F2 4 0 R>>", more=(LATIN,))


def test_ligatures_of_tex_s_bitmap_fonts_are_letters() -> None:
    box = b"0.6 0 0 0 0.5 0.7 d1 0 0 0.5 0.7 re f"
    named = b" ".join(b"/a%d 5 0 R" % code for code in (27, 28, 29, 30, 31, 111, 101))
    font = (
        b"<</Type/Font/Subtype/Type3/FontBBox[0 0 1 1]/FontMatrix[1 0 0 1 0 0]/FirstChar 27/LastChar 111"
        b"/Widths[%s]/CharProcs<<%s>>/Encoding<</Type/Encoding/Differences[27/a27/a28/a29/a30/a31 101/a101 111/a111]>>>>"
        % (b"0.6 " * 85, named)
    )
    page = b"BT /F2 12 Tf 50 700 Td (o\\033 o\\034 o\\035 o\\036e o\\037) Tj ET"
    found = text_of(page, resources=b"/Font<</F2 4 0 R>>", more=(font, make_stream(box)))
    assert "off" in found and "ofi" in found and "ofl" in found and "offie" in found and "offl" in found
