"""What of a file becomes text."""

import pytest

from chatbot.core.errors import Unprocessable
from chatbot.retrieval.extraction import extract_text


def test_rows_become_paragraphs_whatever_parts_them() -> None:
    for mark in ",;\t|":
        body = f"name{mark}age\nAda{mark}36\nBo{mark}7{mark}x\n"
        assert extract_text("text/csv", body) == "name: Ada; age: 36\n\nname: Bo; age: 7; more: x"
    assert extract_text("text/csv", "only,names") == "only, names"
    assert extract_text("text/csv", "") == ""


@pytest.mark.parametrize("body", ['a,b\n"x"y,2', 'a\n"open', "a,b\n" + "x" * 20_000 + ",1"])
def test_an_unsound_table_is_refused_with_a_reason(body: str) -> None:
    with pytest.raises(Unprocessable, match="no sound CSV"):
        extract_text("text/csv", body)


def test_text_is_left_as_it_is() -> None:
    assert extract_text("text/plain", "<b>x</b>") == "<b>x</b>"
