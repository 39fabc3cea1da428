"""Every regular expression of the product, on text that is made to hold it up (CVE-2026-70493)."""

import ast
import heapq
import importlib
import itertools
import pkgutil
import random
import re
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import chatbot
import toolserver

ROOT = Path(__file__).parents[2]
_SHORT = 2_000  # characters
_SECONDS = 2.0  # of the processor's time: twenty times what is promised, for slow machines; growing squares take tens


def patterns() -> dict[str, "re.Pattern[Any]"]:
    found: dict[str, re.Pattern[Any]] = {}

    def walk(value: object, place: str) -> None:
        if isinstance(value, re.Pattern):
            found[f"{place} {value.pattern[:30]!r}"] = value
        elif isinstance(value, (tuple, list, set, frozenset)):
            for each in value:
                walk(each, place)
        elif isinstance(value, dict):
            for each in value.values():
                walk(each, place)

    for package in (chatbot, toolserver):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                for name, value in vars(importlib.import_module(module.name)).items():
                    if not name.startswith("__"):
                        walk(value, f"{module.name}.{name}")
    return dict(sorted(found.items()))


def source(pattern: "re.Pattern[Any]") -> str:
    return pattern.pattern.decode("latin-1") if isinstance(pattern.pattern, bytes) else str(pattern.pattern)


def hostile_units(pattern: "re.Pattern[Any]") -> Iterator[str]:
    """Yield what is repeated: each character that the pattern speaks of, its words, and mixtures."""
    text = source(pattern)
    characters = sorted({c for c in re.sub(r"\\.", "", text) if c.isprintable()} | set("a0 .\n\"'-@/\\:=,A_("))
    words = re.findall(r"[A-Za-z]+ ?", text)
    yield from characters
    yield from words
    signs = sorted({c for c in text if c.isprintable() and not c.isalnum()})[:16]
    yield from map("".join, itertools.product(signs, repeat=2))
    chance = random.Random(text)
    for _ in range(40):
        yield "".join(chance.choice([*characters, *words]) for _ in range(chance.randint(2, 4)))


def seconds(pattern: "re.Pattern[Any]", text: str) -> float:
    hostile: Any = text.encode("latin-1", "replace") if isinstance(pattern.pattern, bytes) else text
    begun = time.process_time()
    deque(pattern.finditer(hostile), maxlen=0)
    return time.process_time() - begun


def longest(pattern: "re.Pattern[Any]", characters: int) -> tuple[float, str]:
    """Return the time that the worst text found takes at so many characters, and how it begins."""
    heads = ("", *re.findall(r"[A-Za-z]{2,}", source(pattern))[:2])
    units = [(head, unit) for unit in hostile_units(pattern) for head in heads]

    def take(each: tuple[str, str], length: int) -> float:
        return seconds(pattern, each[0] + each[1] * (length // len(each[1])) + "\0")

    slow = heapq.nlargest(3, units, key=lambda each: take(each, _SHORT))
    return max((take(each, characters), each[0] + each[1]) for each in slow)


FOUND = patterns()


def test_they_are_found() -> None:
    assert len(FOUND) > 50
    assert any("gateway.middleware.body" in name for name in FOUND)


@pytest.mark.parametrize("name", FOUND)
def test_none_is_held_up(name: str) -> None:
    took, text = longest(FOUND[name], 100_000)
    assert took < _SECONDS, text


@pytest.mark.parametrize(
    ("bad", "characters"), [(r"(?:please )*what", 60_000), (r"\s+$", 8_000), (r'"(?:[^"\\]|\\.)*"', 8_000)]
)
def test_one_that_would_be_is_seen(bad: str, characters: int) -> None:
    allowed = _SECONDS * characters / 100_000  # for time that grows with the length and no faster
    assert longest(re.compile(bad), characters)[0] > allowed


def test_none_is_made_of_what_somebody_sends() -> None:
    """A pattern is written in the program: its first argument is a literal, or made of constants of its module."""
    for file in sorted([*ROOT.glob("chatbot/**/*.py"), *ROOT.glob("toolserver/**/*.py")]):
        tree = ast.parse(file.read_text())
        inside = {call for function in ast.walk(tree) if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
                  for call in ast.walk(function)}  # fmt: skip
        for call in ast.walk(tree):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call in inside):
                continue
            if isinstance(call.func.value, ast.Name) and call.func.value.id == "re" and call.func.attr != "escape":
                written = isinstance(call.args[0], ast.Constant)
                of_the_routes = file.name == "actions.py" and "template" in ast.unparse(call.args[0])
                assert written or of_the_routes, f"{file.relative_to(ROOT)}:{call.lineno}"
