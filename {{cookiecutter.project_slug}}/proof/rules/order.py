"""Rules that keep the house easy to read: sizes and names."""

import ast
import re
from collections.abc import Iterator

from proof.rules.rule import Rule, Source, is_product

_MOST_FILE_LINES = 300
_MOST_FUNCTION_LINES = 45
_EMPTY_NAMES = re.compile(r"^(utils?|helpers?|common|misc|managers?|base|tools_?\d+|stuff)$")


def _find_long_files(source: Source) -> Iterator[int]:
    lines = len(source.text.splitlines())
    if lines > _MOST_FILE_LINES:
        yield lines


def _find_long_functions(source: Source) -> Iterator[int]:
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if (node.end_lineno or node.lineno) - node.lineno > _MOST_FUNCTION_LINES:
            yield node.lineno


def _find_full_packages(source: Source) -> Iterator[int]:
    if source.text.strip():
        yield 1


def _find_empty_names(source: Source) -> Iterator[int]:
    if any(_EMPTY_NAMES.match(part) for part in (*source.path.parts[1:-1], source.path.stem)):
        yield 1


RULES = (
    Rule(
        "file-size",
        f"a file has {_MOST_FILE_LINES} lines at most: split it by what it is about",
        lambda source: is_product(source) or source.path.suffix in (".js", ".sql"),
        _find_long_files,
        ("x = 1\n" * (_MOST_FILE_LINES + 1),),
        ("x = 1\n" * _MOST_FILE_LINES,),
    ),
    Rule(
        "function-size",
        f"a function has {_MOST_FUNCTION_LINES} lines at most: name its steps",
        is_product,
        _find_long_functions,
        ("def f():\n" + "    x = 1\n" * (_MOST_FUNCTION_LINES + 1),),
        ("def f():\n" + "    x = 1\n" * _MOST_FUNCTION_LINES,),
    ),
    Rule(
        "full-package-file",
        "__init__.py is empty: what a folder offers stands in its modules",
        lambda source: source.path.name == "__init__.py",
        _find_full_packages,
        ("from x import y",),
        ("", "\n"),
        sample_path="chatbot/core/__init__.py",
    ),
    Rule(
        "empty-name",
        "a module is named after what is in it, never utils, helpers, common, manager or base",
        is_product,
        _find_empty_names,
        ("x = 1",),
        (),
        sample_path="chatbot/chat/helpers.py",
    ),
)
