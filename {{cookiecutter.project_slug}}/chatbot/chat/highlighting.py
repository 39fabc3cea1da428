"""Syntax highlighting as nodes: Pygments names the token kinds, the page's style sheet colours them."""

from functools import lru_cache
from typing import Any

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES, _TokenType
from pygments.util import ClassNotFound

_LONGEST = 20_000  # characters; some lexers are slow on more


def highlight(code: str, language: str) -> list[Any]:
    """Return `code` as text and `["token", {"kind": …}, text]` nodes; plain text for an unknown language."""
    lexer = _lexer(language) if language and len(code) <= _LONGEST else None
    if lexer is None:
        return [code] if code else []
    nodes: list[Any] = []
    for kind, text in lexer.get_tokens(code):
        name = _short_name(kind) if text.strip() else ""
        if not name:
            if nodes and isinstance(nodes[-1], str):
                nodes[-1] += text
            else:
                nodes.append(text)
        elif nodes and isinstance(nodes[-1], list) and nodes[-1][1]["kind"] == name:
            nodes[-1][2] += text
        else:
            nodes.append(["token", {"kind": name}, text])
    return nodes


@lru_cache(64)
def _lexer(name: str) -> Lexer | None:
    try:
        return get_lexer_by_name(name, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None


@lru_cache(512)
def _short_name(kind: _TokenType) -> str:
    while kind not in STANDARD_TYPES:
        kind = kind.parent
    return str(STANDARD_TYPES[kind])
