"""An answer as typed nodes, never as markup (control web-output).

Stops: script and markup in a model's answer. Markdown is parsed with raw HTML off into tokens; the tokens
become a small closed set of nodes; the browser builds elements from its own list of the same kinds.
No string of HTML exists at any point. Fails closed: a token that is not listed becomes its own text.

A node is a string (text) or a list `[kind, attributes or 0, child, …]`. Kinds and attributes are those of
`KINDS`; nothing else is ever produced. One renderer serves streaming and history.
"""

import re
from collections.abc import Callable
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline, image, link
from markdown_it.token import Token

from chatbot.chat.highlighting import highlight
from chatbot.chat.links import names_another, safe_target

Node = str | list[Any]
InlineRule = Callable[[StateInline, bool], bool]

# kind -> the attributes that it may have
_BARE = "p h1 h2 h3 h4 h5 h6 ul li blockquote pre em strong s hr br table thead tbody tr"
KINDS: dict[str, frozenset[str]] = {
    **dict.fromkeys(_BARE.split(), frozenset()),
    "ol": frozenset({"start"}),
    "th": frozenset({"align"}),
    "td": frozenset({"align"}),
    "code": frozenset({"language"}),
    "token": frozenset({"kind"}),
    "link": frozenset({"target"}),
    "cite": frozenset({"number"}),
}
_ALIGN = re.compile(r"text-align:(left|center|right)")
_LANGUAGE = re.compile(r"[A-Za-z0-9_+#.-]{1,20}")
_CITATION = re.compile(r"\[(\d{1,2})\]")
_MOST_NESTING = 20
_MOST_BRACKETS = 400
_MANY = -1  # a key that the parser itself never uses: its own are positions

# reference definitions would let a later line change an earlier block, which is already on the page; joined text
# would forget which characters were escaped, and a quoted `\\[1\\]` would become a citation
_PARSER = MarkdownIt("commonmark", {"html": False, "linkify": False, "typographer": False, "maxNesting": _MOST_NESTING})
_PARSER.enable(["table", "strikethrough"]).disable(["reference", "text_join"])
# links are judged here, not by the parser: what it refuses would be shown in a form that hides the target
# (the parser documents these three as replaceable; its types call them methods, hence the ignores)
_PARSER.validateLink = lambda url: True  # type: ignore[method-assign]
_PARSER.normalizeLink = lambda url: url  # type: ignore[method-assign]
_PARSER.normalizeLinkText = lambda link: link  # type: ignore[method-assign]


def _with_few_brackets(rule: InlineRule) -> InlineRule:
    """Return the rule, leaving alone a paragraph with very many brackets: the search for pairs is quadratic."""

    def guarded(state: StateInline, silent: bool) -> bool:
        if _MANY not in state.cache:
            state.cache[_MANY] = state.src.count("[")
        return state.cache[_MANY] <= _MOST_BRACKETS and rule(state, silent)

    return guarded


_PARSER.inline.ruler.at("link", _with_few_brackets(link))
_PARSER.inline.ruler.at("image", _with_few_brackets(image))


def parse_blocks(text: str) -> list[Token]:
    """Return the Markdown tokens of `text`."""
    return _PARSER.parse(text)


def render_answer(text: str, *, trusted: frozenset[str] = frozenset(), citations: int = 0) -> list[Node]:
    """Return the nodes of an answer.

    `trusted`: the exact addresses that may be live. `citations`: how many passages `[n]` may refer to.
    """
    return build_nodes(parse_blocks(text), trusted, citations, colour=True)


def build_nodes(tokens: list[Token], trusted: frozenset[str], citations: int, *, colour: bool) -> list[Node]:
    """Return the nodes of parsed blocks; `colour` adds syntax highlighting to code."""
    root: list[Any] = ["root", 0]
    stack = [root]
    for token in tokens:
        here = stack[-1]
        if token.type == "inline":
            here.extend(_inline(token.children or [], trusted, citations))
        elif token.nesting == 1:
            node = here if token.hidden else _open(token)
            if node is not here:
                here.append(node)
            stack.append(node)
        elif token.nesting == -1:
            stack.pop()
        elif token.type in ("fence", "code_block"):
            here.append(_code_block(token, colour=colour))
        elif token.type == "hr":
            here.append(["hr", 0])
        else:
            _add_text(here, token.content)
    return root[2:]


def count_unlinked(tokens: list[Token], nodes: list[Node]) -> int:
    """Return how many links and images of parsed blocks became text: those wanted, less those that `nodes` hold."""
    wanted = sum(child.type in ("link_open", "image") for token in tokens for child in token.children or [])
    return wanted - _count_live(nodes)


def _count_live(nodes: list[Node]) -> int:
    return sum((node[0] in ("link", "img")) + _count_live(node[2:]) for node in nodes if isinstance(node, list))


def _open(token: Token) -> list[Any]:
    attributes: dict[str, Any] = {}
    if token.tag == "ol" and isinstance(start := token.attrs.get("start"), int):
        attributes["start"] = start
    if token.tag in ("th", "td") and (align := _ALIGN.fullmatch(str(token.attrs.get("style", "")))):
        attributes["align"] = align[1]
    return [token.tag if token.tag in KINDS else "p", attributes or 0]


def _inline(tokens: list[Token], trusted: frozenset[str], citations: int) -> list[Node]:
    root: list[Any] = ["root", 0]
    stack = [root]
    for token in tokens:
        here = stack[-1]
        if token.type == "link_open":
            target = str(token.attrs.get("href", ""))
            live = safe_target(target, trusted)
            # a link that is not live keeps its place as plain text, its target shown behind it
            node: list[Any] = ["link", {"target": live}] if live else ["text", target]
            stack.append(node)
        elif token.type == "link_close":
            _close_link(stack)
        elif token.nesting == 1:
            node = [token.tag, 0]
            here.append(node)
            stack.append(node)
        elif token.nesting == -1:
            stack.pop()
        elif token.type == "code_inline":
            here.append(["code", 0, token.content])
        elif token.type in ("softbreak", "hardbreak"):
            _add_text(here, "\n") if token.type == "softbreak" else here.append(["br", 0])
        elif token.type == "image":
            _add_text(here, f"[image: {token.content}] ({token.attrs.get('src', '')})")
        elif token.type == "text_special":
            _add_text(here, token.content)
        else:
            _add_cited(here, token.content, citations)
    return root[2:]


def _close_link(stack: list[list[Any]]) -> None:
    node = stack.pop()
    if node[0] == "link" and names_another(_text_of(node[2:]), node[1]["target"]):
        node[:2] = ["text", node[1]["target"]]
    if node[0] == "link":
        stack[-1].append(node)
    else:
        _add_unlinked(stack[-1], node)


def _text_of(nodes: list[Node]) -> str:
    return "".join(node if isinstance(node, str) else _text_of(node[2:]) for node in nodes)


def _add_unlinked(here: list[Any], node: list[Any]) -> None:
    target, children = node[1], node[2:]
    for child in children:
        _add_text(here, child) if isinstance(child, str) else here.append(child)
    if children != [target]:
        _add_text(here, f" ({target})")


def _add_text(here: list[Any], text: str) -> None:
    if text and len(here) > 2 and isinstance(here[-1], str):
        here[-1] += text
    elif text:
        here.append(text)


def _add_cited(here: list[Any], text: str, citations: int) -> None:
    done = 0
    for found in _CITATION.finditer(text):
        if 1 <= int(found[1]) <= citations:
            _add_text(here, text[done : found.start()])
            here.append(["cite", {"number": int(found[1])}])
            done = found.end()
    _add_text(here, text[done:])


def _code_block(token: Token, *, colour: bool) -> list[Any]:
    words = (token.info or "").split()
    language = words[0] if words and _LANGUAGE.fullmatch(words[0]) else ""
    content = highlight(token.content, language) if colour else [token.content]
    return ["pre", 0, ["code", {"language": language} if language else 0, *content]]
