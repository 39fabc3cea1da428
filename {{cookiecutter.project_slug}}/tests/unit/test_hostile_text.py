"""Hostile text must not hold the process: each of these froze it once, for seconds or for ever.

The bounds are generous, a hundred times what a sound machine needs: they tell linear from quadratic, not fast from slow.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from chatbot.chat.highlighting import LANGUAGES, highlight
from chatbot.chat.nodes import render_answer
from chatbot.chat.streaming import AnswerRenderer
from chatbot.core.untrusted import Untrusted
from chatbot.model.offline import compose_answer
from chatbot.retrieval.chunking import cut_document
from chatbot.retrieval.parsing.text import read_markdown


@contextmanager
def within(seconds: float) -> Iterator[None]:
    begun = time.process_time()
    yield
    assert time.process_time() - begun < seconds


BURSTS = ["a", " ", "\t", "\n", "(", "[", "{", "<", '"', "'", "\\", "/", "/*", "#", "-", "=", "a ", "a.", "<a ", "${", "`", "$(", "a:\n ", "1", "_", "!", "&", "@a", "<?", "<!--", "\"\"\"", "0x", "a=b;", "\\\n"]  # fmt: skip


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_language_that_is_coloured_stays_quick_on_hostile_code(language: str) -> None:
    with within(20):
        for burst in BURSTS:
            code = (burst * 1500)[:1500]
            nodes = highlight(code, language)
            assert "".join(node if isinstance(node, str) else node[2] for node in nodes) == code


@pytest.mark.parametrize("language", ["amdgpu", "autoit", "agda", "ng2", "mermaid", "text", "python3", "../x", ""])
def test_a_language_that_is_not_listed_is_shown_without_colours(language: str) -> None:
    assert highlight("a" * 4000, language) == ["a" * 4000]
    assert highlight("x = 1", "py") != ["x = 1"]


@pytest.mark.parametrize(
    "piece", ["- ab\n", "> a\n", "1. a\n", "| a | b |\n", "a *b* ", "`", "[", "![", "**", "\t- a\n", "<", "\\"]
)
def test_a_long_open_block_is_streamed_in_linear_time(piece: str) -> None:
    renderer = AnswerRenderer(frozenset(), 0)
    with within(20):
        for _ in range(1200):
            renderer.add(piece)
            if renderer.is_due:
                renderer.read()
        renderer.finish()


@pytest.mark.parametrize(
    "burst", ["![", "[", "[a](", "**a", "<a ", "`" * 3 + "\n", "> ", "- ", "&#", "\\[", "|", "_a_ ", "[1]", "a\u2028"]
)
def test_a_long_answer_is_rendered_in_time(burst: str) -> None:
    with within(30):
        render_answer((burst * 64_000)[:64_000], citations=6)


def test_a_question_of_a_thousand_words_is_answered_in_time() -> None:
    words = [f"{a}{b}{c}x" for a in "bcdfghjklm" for b in "aeiou" for c in "bcdfghjklmnpqrstvwxz"]
    passages = tuple(Untrusted(" ".join(words[n::6]) + ".", source="s") for n in range(6))
    with within(10):
        compose_answer(" ".join(words * 2)[:8000], passages)


@pytest.mark.parametrize(
    "text",
    ["# a" + " " * 200_000 + "b", "#" * 200_000, "# " + "x" * 200_000 + "\n## a" * 20_000, "# a\n" * 50_000, "x" * 500_000,
     "a. " * 100_000, "\n" * 200_000, "```\n" * 50_000, "# a" + "#" * 100_000 + " b"],
    ids=range(9),
)  # fmt: skip
def test_a_hostile_document_is_cut_in_time(text: str) -> None:
    with within(10):
        assert all(
            len(piece.content) <= 1200 and len(piece.section) < 800
            for piece in cut_document(read_markdown(text.encode()).sections)
        )


@pytest.mark.parametrize(
    "separator", ["\u2028", "\u2029", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\r", "\r\n"]
)
def test_what_python_takes_for_a_line_break_does_not_spoil_the_stream(separator: str) -> None:
    text = separator.join(["one", "two", "three", "four"]) + "\n\nsecond *para*\n\n- third\n\n[1] end\n"
    whole = render_answer(text, citations=1)
    for pieces in (list(text), [text], [text[:7], text[7:]]):
        renderer = AnswerRenderer(frozenset(), 1)
        done = []
        for piece in pieces:
            renderer.add(piece)
            if renderer.is_due:
                done += (renderer.read() or {}).get("done", [])
        assert done + renderer.finish()["done"] == whole


@pytest.mark.parametrize("text", ["\\[1\\]", "&#91;1&#93;", "\\[1]", "[1\\]", "`[1]`", "    [1]"])
def test_an_escaped_citation_stays_text(text: str) -> None:
    assert "cite" not in str(render_answer(text, citations=1))
