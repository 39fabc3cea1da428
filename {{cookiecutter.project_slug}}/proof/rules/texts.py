"""Rules on pages, scripts and on every file's text."""

import re
from collections.abc import Iterator

from proof.rules.rule import Rule, Source

_SINK = re.compile(
    r"\b(innerHTML|outerHTML|insertAdjacentHTML|DOMParser|setHTML|setHTMLUnsafe|parseHTMLUnsafe|createContextualFragment|srcdoc|"
    r"eval|Function|execCommand|createPolicy|importScripts|document\.(write|writeln|cookie))\b"
    r"|\.on[a-z]+\s*=[^=]|setAttribute\(\s*[a-z]|\bset(Timeout|Interval)\(\s*['\"`]|setAttribute\(\s*['\"`](on|src|href|style)"
)
_STORAGE = re.compile(r"\b(localStorage|sessionStorage|indexedDB|caches|document\.cookie)\b")
_REMOTE = re.compile(r"['\"`]((https?|wss?):)?//[\w$]", re.IGNORECASE)
_INLINE = re.compile(
    r"<style|\sstyle\s*=|[\s/]on\w+\s*=|javascript:|https?://|[\"'=]//[a-z]|<script(?![^>]*\ssrc=)|<base\b|<iframe|<object|<embed|<svg",
    re.IGNORECASE,
)
_TEMPLATE = re.compile(r"\{" + r"%|\{" + r"\{ ?cookiecutter")
_CODE = {".py", ".js", ".sql", ".toml", ".lua", ".css", ".html", ".patch", ".txt", ".in"}


def _matching(pattern: re.Pattern[str], source: Source) -> Iterator[int]:
    return (number for number, line in enumerate(source.text.splitlines(), start=1) if pattern.search(line))


RULES = (
    Rule(
        "markup-sink",
        "no string becomes markup or code in the browser: use createElement and textContent",
        lambda source: source.path.suffix == ".js",
        lambda source: _matching(_SINK, source),
        ("x.innerHTML = y", "document.write(x)", "new Function(x)", "a.insertAdjacentHTML('x', y)", "eval(x)", "f.srcdoc = x",
         "setTimeout('x()', 1)", "document.cookie", "e.setAttribute('onclick', x)", "new DOMParser()", "e.onclick = x", "e.setAttribute(name, v)"),
        ("x.textContent = y", "setTimeout(() => x(), 1)", "e.setAttribute('aria-label', x)", "document.createElement('p')"),
        sample_path="frontend/scripts/sample.js",
    ),
    Rule(
        "browser-storage",
        "nothing is stored in the browser but drafts, in their own module: a script could read it, and the next person too",
        lambda source: source.path.suffix == ".js" and source.path.name != "drafts.js",
        lambda source: _matching(_STORAGE, source),
        ("localStorage.x = 1", "sessionStorage.setItem('a', b)", "indexedDB.open('x')", "caches.open('x')", "document.cookie"),
        ("keepDraft(conversation, text)",),
        sample_path="frontend/scripts/sample.js",
    ),
    Rule(
        "remote-script-address",
        "a page's script talks to its own origin only",
        lambda source: source.path.suffix == ".js",
        lambda source: _matching(_REMOTE, source),
        ("fetch('https://example.org')", 'import "//cdn.example/x.js"', "new WebSocket('wss://x.example')", "fetch(`https://${h}/`)"),
        ("fetch('/api/v1/session')", 'new Set(["http:", "https:"])'),
        sample_path="frontend/scripts/sample.js",
    ),
    Rule(
        "inline-page",
        "a page holds no script, no style and nothing from elsewhere",
        lambda source: source.path.suffix == ".html",
        lambda source: _matching(_INLINE, source),
        ("<script>x()</script>", '<p style="x">', "<p onclick=x()>", '<a href="javascript:x">', '<img src="https://x.example/y">',
         '<link href="//x.example/y">', "<style>p{}</style>", "<iframe src=x>", "<base href=x>", "<p onclick = x()>",
         "<link href=//x.example>", "<svg/onload=x>", "<object data=x>"),
        ('<script type="module" src="/assets/x.js"></script>', '<link rel="stylesheet" href="/assets/styles.css">'),
        sample_path="frontend/sample.html",
    ),
    Rule(
        "template-syntax",
        "no code carries template syntax: it is copied unrendered, and runs where it stands",
        lambda source: source.path.suffix in _CODE,
        lambda source: _matching(_TEMPLATE, source),
        ("x = {" + "% if y %}", "name = '{" + "{ cookiecutter.x }}'", "{" + "{cookiecutter.x}}"),
        ("x = {{1: 2}}", "f'{x}'"),
    ),
)  # fmt: skip
