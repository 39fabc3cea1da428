"""Syntax highlighting as nodes: Pygments names the token kinds, the page's style sheet colours them."""

from functools import lru_cache
from typing import Any

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES, _TokenType

# Pygments has lexers that take a minute for a few kilobytes of hostile text. These were timed on such text
# (tests/unit/test_highlighting.py); every other language is shown without colours
LANGUAGES = frozenset(
    "bash c cpp csharp css diff go html ini java javascript json kotlin php python ruby rust sql swift toml typescript"
    " xml yaml".split()
)
_ALIASES = {
    "js": "javascript",
    "ts": "typescript",
    "py": "python",
    "sh": "bash",
    "shell": "bash",
    "yml": "yaml",
    "c++": "cpp",
    "cs": "csharp",
    "rb": "ruby",
    "rs": "rust",
}
_LONGEST = 4000  # characters


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
    language = _ALIASES.get(name.lower(), name.lower())
    return get_lexer_by_name(language, stripnl=False, ensurenl=False) if language in LANGUAGES else None


@lru_cache(512)
def _short_name(kind: _TokenType) -> str:
    while kind not in STANDARD_TYPES:
        kind = kind.parent
    return str(STANDARD_TYPES[kind])
