"""Markdown that is made anew from an answer's nodes, so that a viewer shows them and nothing in it is live.

A Markdown viewer fetches images by itself, shows raw HTML, and has links that this application would not show. To
escape what a model wrote cannot stop that: a backslash in front escapes the escape, and a fence that is open at the
end of one answer is closed by the next. So every mark of structure is written here, every other character that could
be one is written as a character reference, and code stands between fences that are longer than anything inside.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

from chatbot.chat.nodes import Node, build_nodes, parse_blocks

# what begins an image, a link, a tag, a definition or a reference, or would take a backslash's effect away
_REFERENCES = {character: f"&#{ord(character)};" for character in "\\[<>&`@"}
# what only shapes text; no backslash of the text's own can stand before them
_SHAPES = {character: f"\\{character}" for character in "*_~|#"}
# other programs end lines here
_LINE_ENDS = dict.fromkeys("\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029", " ")
_INERT = str.maketrans(_REFERENCES | _SHAPES | _LINE_ENDS)
# addresses that some viewers make links of, unmarked as they are
_ADDRESS = re.compile(r":(?=//)|(?<=www)\.", re.IGNORECASE)
# what cites a source stays easy to read: where nothing is defined, and no target follows, it is text
_CITATION = re.compile(r"&#91;(\d{1,2})\](?![(\[:])")
_BREAK = re.compile(r"(?<![ \t])[ \t]*\n\s*")
# what begins a block when it begins a line
_BEGINNING = re.compile(r"^(\d{1,9}(?=[.)])|(?=[-+=]))", re.MULTILINE)
_INLINE = frozenset({"em", "strong", "s", "code", "br", "cite", "link"})
_MARKS = {"em": "*", "strong": "**", "s": "~~"}
_TICKS = re.compile("`+")
_MAX_TICKS = 2  # three at the beginning of a line are a fence's


def answer_markdown(text: str) -> str:
    """Return an answer as inert Markdown, with the address of every link and image as text."""
    return "\n".join(_blocks(build_nodes(parse_blocks(text), frozenset(), 0, colour=False)))


def inert(text: str) -> str:
    """Return text that shows as itself wherever it stands, but at the beginning of a line."""
    written = _CITATION.sub(r"[\1]", text.translate(_INERT))
    return _ADDRESS.sub(lambda found: f"&#{ord(found[0])};", written)


def inert_line(text: str) -> str:
    """Return text as one line that shows as itself."""
    return _begin(" ".join(inert(text).split()))


def _begin(lines: str) -> str:
    return _BEGINNING.sub(r"\1\\", lines)


def _blocks(nodes: Sequence[Node], *, tight: bool = False) -> list[str]:
    """Return the lines of blocks; runs of text and inline nodes are paragraphs."""
    lines: list[str] = []
    before = ""
    for is_inline, group in groupby(nodes, _is_inline):
        together = list(group)
        for block in [["p", 0, *together]] if is_inline else together:
            kind = str(block[0])
            if lines and not (tight and before == "p"):
                lines.append("")
            lines += _block(kind, block, after_same=kind == before)
            before = kind
    return lines


def _is_inline(node: Node) -> bool:
    return isinstance(node, str) or node[0] in _INLINE


def _block(kind: str, node: Node, *, after_same: bool) -> list[str]:
    children = node[2:]
    if kind in ("ul", "ol"):
        lines = _list(kind, children, node, other_marks=after_same)
    elif kind == "blockquote":
        lines = [f"> {line}".rstrip(" ") for line in _blocks(children)]
    elif kind == "pre":
        lines = _code_block(children[0])
    elif kind == "table":
        lines = _table(children)
    elif kind == "hr":
        lines = ["***"]
    else:
        lines = _text_block(kind, children)
    return lines


def _text_block(kind: str, children: Sequence[Node]) -> list[str]:
    text = _begin(_BREAK.sub("\n", _inline(children)).strip())
    if kind[0] == "h":
        return [f"{'#' * int(kind[1])} {text.replace(chr(92) + chr(10), ' ').replace(chr(10), ' ')}"]
    return text.split("\n")


def _list(kind: str, items: Sequence[Node], node: Node, *, other_marks: bool) -> list[str]:
    given = node[1]
    number = given["start"] if isinstance(given, dict) else 1
    loose = any(isinstance(child, list) and child[0] == "p" for item in items for child in item[2:])
    lines: list[str] = []
    for item in items:
        mark = ("*" if other_marks else "-") if kind == "ul" else f"{number}{')' if other_marks else '.'}"
        inside = _blocks(item[2:], tight=not loose)
        if loose and lines:
            lines.append("")
        lines += _hang(f"{mark} ", inside)
        number += 1
    return lines


def _hang(mark: str, lines: list[str]) -> list[str]:
    first, *others = lines or [""]
    return [(mark + first).rstrip(" "), *((" " * len(mark) + line).rstrip(" ") for line in others)]


def _code_block(code: Node) -> list[str]:
    language = code[1]["language"] if isinstance(code[1], dict) else ""
    content = "".join(str(child) for child in code[2:])
    fence = "`" * max(3, 1 + _longest_ticks(content))
    return [fence + language, *content.removesuffix("\n").split("\n"), fence]


def _longest_ticks(text: str) -> int:
    return max((len(run) for run in _TICKS.findall(text)), default=0)


def _table(parts: Sequence[Node]) -> list[str]:
    rows = [row for part in parts for row in part[2:]]
    lines = [f"| {' | '.join(_cell(cell) for cell in row[2:])} |" for row in rows]
    rules = {"left": ":--", "center": ":-:", "right": "--:"}
    head = [rules[cell[1]["align"]] if isinstance(cell[1], dict) else "---" for cell in rows[0][2:]]
    return [lines[0], f"| {' | '.join(head)} |", *lines[1:]]


def _cell(cell: Node) -> str:
    return _BREAK.sub(" ", _inline(cell[2:], in_table=True)).strip()


def _inline(nodes: Iterable[Node], *, in_table: bool = False) -> str:
    return "".join(_inline_node(node, in_table=in_table) for node in nodes)


def _inline_node(node: Node, *, in_table: bool) -> str:
    if isinstance(node, str):
        return inert(node)
    kind, children = str(node[0]), node[2:]
    if kind == "code":
        return _code("".join(map(str, children)), in_table=in_table)
    if kind == "br":
        return "\\\n"
    mark = _MARKS.get(kind, "")
    return mark + _inline(children, in_table=in_table) + mark


def _code(content: str, *, in_table: bool) -> str:
    ticks = 1 + _longest_ticks(content)
    if ticks > _MAX_TICKS or not content.strip():
        return inert(content)
    if content[0] in "` " or content[-1] in "` ":
        content = f" {content} "
    fence = "`" * ticks
    return fence + (content.replace("|", "\\|") if in_table else content) + fence
