"""House rules on the source itself, each shown to catch its bad sample (app-deserialise, sql-params, and order)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = sorted([*ROOT.glob("chatbot/**/*.py"), *ROOT.glob("development/*.py"), *ROOT.glob("migrations/**/*.py")])
SCRIPTS = sorted(ROOT.glob("frontend/**/*.js"))
CODE = [
    path
    for pattern in ("**/*.py", "**/*.js", "**/*.sql", "**/*.toml", "**/*.lua", "**/*.css", "**/*.html")
    for path in ROOT.glob(pattern)
    if not {".venv", ".run", "__pycache__"} & set(path.relative_to(ROOT).parts)
]

_MODULES = {"pickle", "cPickle", "dill", "shelve", "marshal", "yaml", "jsonpickle", "joblib", "cloudpickle"}
_CALLS = {"eval", "exec", "compile", "__import__"}
_SINKS = re.compile(
    r"\b(innerHTML|outerHTML|insertAdjacentHTML|DOMParser|setHTMLUnsafe|createContextualFragment|srcdoc|eval|Function|"
    r"execCommand|createPolicy|importScripts|localStorage|sessionStorage|document\.(write|cookie))\b"
)
_SQL_START = re.compile(r"^\s*(select|insert|update|delete|alter|create|drop|grant|set|with|truncate)\b", re.IGNORECASE)


def forbidden_decoding(tree: ast.AST) -> Iterator[str]:
    """Yield what turns data into code: pickle and its kin, eval, and what loads by a name that is data."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in _MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in _MODULES:
            yield str(node.module)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _CALLS:
            yield node.func.id


def built_sql(tree: ast.AST) -> Iterator[int]:
    """Yield the lines where a statement is put together from text: f-string, %, + or format."""
    for node in ast.walk(tree):
        parts: list[ast.AST] = []
        if isinstance(node, ast.JoinedStr) and any(isinstance(value, ast.FormattedValue) for value in node.values):
            parts = list(node.values)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod | ast.Add):
            parts = [node.left]
        elif (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("format", "join")
        ):
            parts = [node.func.value]
        first = parts[0] if parts else None
        if isinstance(first, ast.Constant) and isinstance(first.value, str) and _SQL_START.match(first.value):
            yield node.lineno  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", PRODUCT, ids=str)
def test_no_data_becomes_code(path: Path) -> None:
    assert list(forbidden_decoding(ast.parse(path.read_text()))) == []


@pytest.mark.parametrize("path", PRODUCT, ids=str)
def test_no_statement_is_built_from_text(path: Path) -> None:
    assert list(built_sql(ast.parse(path.read_text()))) == []


@pytest.mark.parametrize(
    "bad", ["import pickle", "from yaml import load", "eval('1')", "import dill.x", "exec(x)", "__import__(name)"]
)
def test_the_rule_on_code_catches_its_sample(bad: str) -> None:
    assert list(forbidden_decoding(ast.parse(bad)))


@pytest.mark.parametrize(
    "bad",
    ['f"SELECT * FROM t WHERE id = {x}"', '"select %s" % x', '"DELETE FROM t WHERE id=" + x', '"insert {}".format(x)'],
)
def test_the_rule_on_statements_catches_its_sample(bad: str) -> None:
    assert list(built_sql(ast.parse(bad)))


@pytest.mark.parametrize("good", ['"SELECT 1"', 'f"{x} SELECT"', '"a" + "b"', 'sql.SQL("ALTER ROLE {}").format(x)'])
def test_the_rule_on_statements_lets_the_good_pass(good: str) -> None:
    assert not list(built_sql(ast.parse(good)))


@pytest.mark.parametrize("path", SCRIPTS, ids=str)
def test_no_script_uses_a_markup_sink(path: Path) -> None:
    assert not _SINKS.findall(path.read_text())


def test_the_rule_on_sinks_catches_its_sample() -> None:
    for bad in ("x.innerHTML = y", "document.write(x)", "new Function(x)", "a.insertAdjacentHTML('x', y)", "eval(x)"):
        assert _SINKS.search(bad)


def test_pages_hold_no_script_no_style_and_nothing_from_elsewhere() -> None:
    for path in ROOT.glob("frontend/*.html"):
        text = path.read_text()
        assert not re.search(r"<style|style=|\son\w+=|javascript:|https?://|//[a-z]", text), path
        assert not re.search(r"<script(?![^>]*\ssrc=)", text), path


def test_no_template_syntax_stands_in_code() -> None:
    assert len(CODE) > 80
    for path in CODE:
        text = path.read_text()
        assert "{" + "%" not in text, path
        assert "{" + "{ cookiecutter" not in text, path
        assert "{" + "{cookiecutter" not in text, path


def test_files_stay_readable() -> None:
    for path in [*ROOT.glob("chatbot/**/*.py"), *ROOT.glob("development/*.py")]:
        lines = path.read_text().splitlines()
        assert len(lines) <= 260, f"{path} has {len(lines)} lines"
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert (node.end_lineno or 0) - node.lineno <= 45, f"{path}: {node.name}"
    for folder in {path.parent for path in ROOT.glob("chatbot/**/*.py")}:
        assert len([path for path in folder.glob("*.py") if path.name != "__init__.py"]) <= 8, folder


def test_secrets_are_compared_in_constant_time() -> None:
    for path in PRODUCT:
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            suspicious = re.search(r"\b(token|secret|password|signature|mac|digest|csrf)\w*\s*(==|!=)", line)
            # a file's digest in the installer is no secret
            assert not suspicious or path.name == "install.py", f"{path}:{number}: {line.strip()}"
