"""docs/adding.md, done to the letter in a copy of the project: what it says is all that has to be done."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from proof.laboratory import copy_without, run_tests
from proof.registry import ROOT

TEXT = (ROOT / "docs" / "adding.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PATH = re.compile(r"`((?:[\w.-]+/)+[\w.-]*)`")
# of the tests that the document names, those that look at what was added
ABOUT = (
    "feedback or days_until or every_table or each_check or statistics or every_action or reviewed_table or test_routes"
    " or test_interface or test_migrations or enumeration or (every_object and carol)"
    " or (no_valid_credential and nobody)"
)
MADE_OF_THE_TEMPLATE = (ROOT / ".template.json").exists()


class Block(NamedTuple):
    """A fenced block, and the file that the line before it names; `new` when the block is all of it."""

    kind: str
    text: str
    path: str
    new: bool


def read_blocks(text: str) -> Iterator[Block]:
    end = 0
    for found in BLOCK.finditer(text):
        before = text[end : found.start()].rstrip()
        paths = PATH.findall(before) if before.endswith(":") and found[1] not in ("sh", "text") else []
        yield Block(found[1], found[2], (paths or [""])[-1], before.endswith(f"New file `{(paths or [''])[-1]}`:"))
        end = found.end()


BLOCKS = list(read_blocks(TEXT))
SHELL = [line for block in BLOCKS if block.kind == "sh" for line in block.text.splitlines()]


def changed(text: str, diff: str) -> str:
    """Return a file's text after the changes of a block. Each must fit at exactly one place."""
    for hunk in diff.split("@@\n"):
        lines = [line or " " for line in hunk.splitlines()]
        assert all(line[0] in " +-" for line in lines), f"no line of a diff: {hunk}"
        old = "".join(f"{line[1:]}\n" for line in lines if line[0] != "+")
        new = "".join(f"{line[1:]}\n" for line in lines if line[0] != "-")
        assert text.count(old) == 1, f"{text.count(old)} places fit, not one:\n{hunk}"
        text = text.replace(old, new)
    return text


def write(copy: Path, block: Block) -> None:
    target = copy / block.path
    assert target.exists() is not block.new, f"{block.path} is {'there already' if block.new else 'missing'}"
    text = block.text if block.new else changed(target.read_text(encoding="utf-8"), block.text)
    target.write_text(text, encoding="utf-8")


def run(copy: Path, command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of the document in the copy, with the environment of these tests for the project's own."""
    words = shlex.split(command)
    while "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        environment[name] = value
    if words[0] == "make":  # nothing is installed: what this test runs in is there
        words[1:1] = [
            "--no-print-directory",
            "-o",
            "setup-test",
            f"VENV={sys.prefix}",
            f"BUILD={copy.parent / 'build'}",
        ]
    if words[0] == ".venv/bin/python":
        words[0] = sys.executable
    return subprocess.run(
        words, cwd=copy, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=500
    )


def passes(copy: Path, command: str) -> None:
    done = run(copy, command)
    assert done.returncode == 0, f"{command}\n{(done.stdout + done.stderr)[-4000:]}"


@pytest.fixture(scope="module")
def copy() -> Iterator[Path]:
    """A copy of the project in which every file of the document is written."""
    with copy_without(ROOT, frozenset()) as made:
        for block in BLOCKS:
            try:
                if block.path:
                    write(made, block)
            except AssertionError as error:
                if MADE_OF_THE_TEMPLATE:
                    pytest.skip(f"docs/adding.md is about the template's files, and this project has its own: {error}")
                raise AssertionError(f"docs/adding.md, {block.path}: {error}") from None
        passes(made, "make docs")
        yield made


def test_a_change_that_fits_nowhere_or_twice_is_an_error() -> None:
    assert changed("a\nb\nc\n", " a\n+x\n@@\n-c\n+d\n") == "a\nx\nb\nd\n"
    for text in ("a\n", "b\nb\n"):
        with pytest.raises(AssertionError, match="places fit"):
            changed(text, " b\n+x\n")


def test_every_path_that_it_names_is_there() -> None:
    new = {block.path for block in BLOCKS if block.new}
    named = {*PATH.findall(TEXT), *(path for line in SHELL for path in re.findall(r"tests/[\w/.]+", line))}
    assert len(named) > 30
    assert not [path for path in sorted(named - new) if not (ROOT / path).exists()]


def test_every_block_says_where_it_goes() -> None:
    assert not [block.text for block in BLOCKS if not block.path and block.kind not in ("sh", "text")]
    assert {"table", "route", "page", "setting", "tool"} == set(re.findall(r"^## A (\w+)$", TEXT, re.MULTILINE))


def test_what_it_says_of_what_was_forgotten_is_what_the_files_say() -> None:
    rows = re.findall(r'^\|.*\| "([^"]+)" \|.*`([\w./]+)` \|$', TEXT, re.MULTILINE)
    assert len(rows) > 10
    assert not [row for row in rows if row[0] not in (ROOT / row[1]).read_text(encoding="utf-8")]


def test_what_it_adds_works_and_every_house_rule_and_enumeration_holds(copy: Path) -> None:
    files = sorted({path for line in SHELL if "TESTS=" in line for path in re.findall(r"tests/[\w/.]+", line)})
    with ThreadPoolExecutor(1) as aside:
        check = aside.submit(run, copy, "make check")
        outcomes = run_tests(copy, [*files, "-k", ABOUT])
        checked = check.result()
    bad = {test: outcomes.why[test] for test, outcome in outcomes.tests.items() if outcome not in ("passed", "skipped")}
    assert not bad, outcomes.output
    parts = ("flows/test_feedback.py", "flows/test_days_until.py", "flows/test_schema.py", "contract/sql", "attacks")
    passed = [test for test, outcome in outcomes.tests.items() if outcome == "passed"]
    assert all(any(test.startswith(f"tests/{part}") for test in passed) for part in parts), outcomes.output
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_wrong_value_of_the_setting_is_refused_with_the_words_that_it_shows(copy: Path) -> None:
    (command,) = [line for line in SHELL if line.startswith("CHATBOT_")]
    (said,) = [block.text.strip() for block in BLOCKS if block.kind == "text"]
    done = run(copy, command)
    assert done.returncode != 0
    assert said in done.stdout + done.stderr
