"""Each published case has tests that name it, or a reviewed row and a test of its absence."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CASES: list[dict[str, Any]] = tomllib.loads((ROOT / "proof/cases.toml").read_text(encoding="utf-8"))["case"]


def test_the_table_is_whole() -> None:
    names = [case["id"] for case in CASES]
    assert len(names) == len(set(names)) >= 40
    assert all(set(case) == {"id", "holds", "absent", "tests"} and case["holds"] for case in CASES)


def test_most_are_attacked_and_few_cannot_arise() -> None:
    assert sum(case["absent"] for case in CASES) <= len(CASES) / 4


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_each_names_tests_that_exist_and_cite_it(case: dict[str, Any]) -> None:
    assert case["tests"]
    for test in case["tests"]:
        path, _, name = test.partition("::")
        text = (ROOT / path).read_text(encoding="utf-8")
        assert case["id"] in text, test
        assert not name or re.search(rf"^(async )?def {name}\(", text, re.MULTILINE), test
