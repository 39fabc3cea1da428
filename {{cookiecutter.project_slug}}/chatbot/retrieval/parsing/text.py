"""The text of text files: plain, Markdown, CSV, HTML. Runs confined.

Markdown becomes HTML by a CommonMark parser, and HTML is read in one way: a table, a list or a hidden element is the
same in both.
"""

import re
from collections.abc import Callable
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.front_matter import front_matter_plugin

from chatbot.core.characters import is_control
from chatbot.core.visible import unix_lines
from chatbot.retrieval.notes import Note
from chatbot.retrieval.outline import Outline, Reading
from chatbot.retrieval.parsing.decoding import NotText, decode_text
from chatbot.retrieval.parsing.delimited import read_delimited
from chatbot.retrieval.parsing.hypertext import ELEMENTS, read_hypertext
from chatbot.retrieval.refusal import Refusal, Refused

# what may begin or end something within a line; a text without one of them is itself
_INLINE = re.compile(r"[\\`*_\[\]<&!~^]|  \n")
_TAG = re.compile(r"^</?([a-zA-Z][\w-]{0,40})[\s/>]")


def read_plain(body: bytes) -> Reading:
    """Return a plain text. Raises `Refused`."""
    return _read(body, _outline_plain)


def read_csv(body: bytes) -> Reading:
    """Return the rows of a delimited text. Raises `Refused` or `TooMuchText`."""
    return _read(body, read_delimited)


def read_markdown(body: bytes) -> Reading:
    """Return a Markdown text by its headings. Raises `Refused` or `TooMuchText`."""
    text, assumed = _decode(body)
    reading = read_hypertext(f"<body>{_parser().render(text)}")
    return Reading(reading.sections, reading.hidden, reading.notes | assumed)


def read_html(body: bytes) -> Reading:
    """Return what is visible in a web page. Raises `Refused` or `TooMuchText`."""
    text, assumed = _decode(body, markup=True)
    reading = read_hypertext(text)
    return Reading(reading.sections, reading.hidden, reading.notes | assumed)


def _read(body: bytes, outline_of: Callable[[str], Outline]) -> Reading:
    text, assumed = _decode(body)
    outline = outline_of(text)
    return Reading(outline.sections, 0, outline.notes | assumed)


def _decode(body: bytes, *, markup: bool = False) -> tuple[str, dict[Note, str | int]]:
    """Return the text, and a note when its encoding was assumed."""
    try:
        decoded = decode_text(body, markup=markup)
    except NotText:
        raise Refused(Refusal.NOT_TEXT) from None
    if any(is_control(character) for character in set(decoded.text) - {"\r", "\x1a"}):
        raise Refused(Refusal.NOT_TEXT)
    text = unix_lines(decoded.text).rstrip("\x1a")  # the end mark of old programs
    return text, {Note.ENCODING: decoded.assumed} if decoded.assumed else {}


def _outline_plain(text: str) -> Outline:
    outline = Outline()
    for line in text.split("\n"):
        outline.line(line)
    return outline


def _parser() -> MarkdownIt:
    markdown = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    markdown.use(front_matter_plugin).use(footnote_plugin)
    markdown.core.ruler.at("inline", _parse_inline)
    markdown.add_render_rule("front_matter", _show_front_matter)
    for name in ("html_inline", "html_block"):
        markdown.add_render_rule(name, _show_markup)
    return markdown


def _parse_inline(state: StateCore) -> None:
    """Parse what stands within lines only where something may be: most of a text is nothing but text."""
    for token in state.tokens:
        if token.type == "inline" and token.children is not None:
            if _INLINE.search(token.content):
                state.md.inline.parse(token.content, state.md, state.env, token.children)
            else:
                token.children.append(Token("text", "", 0, content=token.content))


def _show_front_matter(_: Any, tokens: list[Token], place: int, *__: Any) -> str:
    return "".join(f"<p>{escape(line)}</p>" for line in tokens[place].content.split("\n"))


def _show_markup(_: Any, tokens: list[Token], place: int, *__: Any) -> str:
    """Return raw HTML; what is no element of HTML was meant as text, such as a type in angle brackets."""
    content = tokens[place].content
    found = _TAG.match(content)
    return escape(content) if found and found[1].lower() not in ELEMENTS else content
