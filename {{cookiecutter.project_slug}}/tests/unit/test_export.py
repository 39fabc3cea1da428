"""An exported answer fetches nothing and runs nothing in the viewer that opens it (web-output)."""

import pytest
from markdown_it import MarkdownIt

from chatbot.chat.kept.export import harmless
from tests.unit.test_nodes import HOSTILE, ORDINARY

ALIVE = {"image", "html_inline", "html_block"}


def kinds(text: str) -> set[str]:
    """Return the kinds of token that a generous viewer, raw HTML on, makes of a text."""
    tokens = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text)
    return {token.type for token in tokens} | {child.type for token in tokens for child in token.children or []}


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("frame", ["{}", "> {}", "- {}", "word {}", "```\nx\n```\n{}", "    code\n\n{}"])
def test_no_image_and_no_tag_stays_alive(text: str, frame: str) -> None:
    whole = frame.format(text)
    assert not kinds(harmless(whole)) & ALIVE


def test_the_corpus_is_alive_before() -> None:
    assert len([text for text in HOSTILE if kinds(text) & ALIVE]) >= 8


@pytest.mark.parametrize("text", ORDINARY)
def test_what_is_ordinary_stays_as_it_is(text: str) -> None:
    assert harmless(text) == "\n".join(text.splitlines())


def test_code_stays_as_it_is() -> None:
    text = "Use:\n\n```c\n#include <stdio.h>\nif (!x[0]) ![a](b)\n```\n"
    assert harmless(text) == text.rstrip("\n")
