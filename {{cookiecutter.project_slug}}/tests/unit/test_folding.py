"""Text is made comparable in linear time, and no run of marks is longer than Unicode's own bound."""

import ast
import random
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from chatbot.chat.kept.searching import MAX_CHARACTERS, fold
from chatbot.core import folding
from chatbot.core.folding import limit_marks, normalize
from chatbot.core.visible import read_visible, visible_line, visible_text
from chatbot.gateway.labels import as_label
from chatbot.model.words import split_words
from chatbot.retrieval.reading import clean_title

ROOT = Path(__file__).parents[2]
MARKS = [chr(code) for code in range(0x110000) if unicodedata.combining(chr(code))]
# whatever makes normalising costly: marks of different classes, what expands most, what becomes a mark, Korean letters
UNITS = ["\u0316\u0300", "\u0300\uff9e", "\u0344", "\ufdfa", "\uff9e\uff9f", "\u1100\u1161\u11a8", "a\u0316\u0300", "\uffc2", "\u0f73\u0316",
         "\U0001d15e", "e\u0301", "\u3131", "\u09c7\u09be", "\uac00\u11a8", "\u1f82"]  # fmt: skip


def longest_run(text: str) -> int:
    longest = run = 0
    for character in text:
        run = run + 1 if unicodedata.combining(character) else 0
        longest = max(longest, run)
    return longest


@pytest.mark.parametrize("unit", ["\u0316\u0300", *MARKS[:: len(MARKS) // 40]])
def test_a_run_of_marks_is_cut_at_thirty(unit: str) -> None:
    assert limit_marks("a" + unit * 100 + "b" + unit * 100) == ("a" + (unit * 30)[:30]) + "b" + (unit * 30)[:30]
    assert limit_marks(unit * 15) == unit * 15
    assert limit_marks("") == ""


WAYS_IN: dict[str, Callable[[str], str]] = {
    "a question, and what others said": visible_text,
    "a line of others": lambda text: visible_line(text, 400),
    "a name that people give": as_label,
    "a document": lambda text: read_visible(text).text,
    "a document's title": clean_title,
}


@pytest.mark.parametrize("way", WAYS_IN)
def test_every_text_that_comes_in_is_bounded(way: str) -> None:
    cleaned = WAYS_IN[way]("x" + "\u0316\u0300" * 80 + "y" + "".join(MARKS[:80]) + "z")
    assert longest_run(cleaned) == 30
    assert [c for c in cleaned if c.isascii()] == ["x", "y", "z"]


def test_marks_that_were_removed_are_counted_as_hidden() -> None:
    text = "caf\u0301e " + "\u0301" * 40
    assert len(text) - len(visible_text(text)) == 10


@pytest.mark.parametrize("form", ["NFKC", "NFKD"])
def test_the_parts_make_the_same_as_the_whole(form: folding.Form) -> None:
    source = random.Random(7)
    letters = [*"ab \n-1", *UNITS, "漢", "ー", "ば", "は\u3099", "ﾊﾞ", "א\u05b0", "नि", "각"]
    for _ in range(300):
        text = "".join(source.choices(letters, k=source.randint(1, 700)))
        if longest_run(unicodedata.normalize("NFKD", text)) <= 30:
            assert normalize(form, text) == unicodedata.normalize(form, text)
    assert normalize(form, "\ufdfa" * 40, 100) == unicodedata.normalize(form, "\ufdfa" * 40)[:100]
    assert normalize(form, "Ａ" * 40, 0) == ""


@pytest.mark.parametrize("work", [fold, split_words])
@pytest.mark.parametrize("unit", UNITS)
def test_no_text_holds_the_interpreter(
    unit: str, work: Callable[[str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call of the library's is short, whatever the text; its processor time is counted in those of plain text."""
    calls: list[float] = []
    real = unicodedata.normalize

    def timed(form: str, text: str) -> str:
        begun = time.thread_time()
        found = real(form, text)  # type: ignore[arg-type]  # any text stands for one of its four forms
        calls.append(time.thread_time() - begun)
        return found

    monkeypatch.setattr(folding.unicodedata, "normalize", timed)
    begun = time.thread_time()
    real("NFKC", "e\u0301" * 4000)
    plain = time.thread_time() - begun
    work((unit * MAX_CHARACTERS)[:MAX_CHARACTERS])
    assert calls, "the text is normalised"
    assert max(calls) < 10 * plain


def test_what_expands_is_folded_up_to_a_bound() -> None:
    assert len(fold("\ufdfa" * MAX_CHARACTERS)) <= 2 * MAX_CHARACTERS
    assert fold("Ｃafé ß") == "café ss"


def test_nothing_else_normalises_text() -> None:
    """Every other call would be another way to hold the interpreter."""
    callers = set()
    for file in ROOT.glob("chatbot/**/*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Attribute) and ast.unparse(called) == "unicodedata.normalize":
                callers.add(file.relative_to(ROOT).as_posix())
            if isinstance(node, ast.ImportFrom) and "normalize" in [
                each.name for each in node.names if node.module == "unicodedata"
            ]:
                callers.add(file.relative_to(ROOT).as_posix())
    # the second composes a letter with one accent
    assert callers == {"chatbot/core/folding.py", "chatbot/retrieval/parsing/pdf/spans.py"}
