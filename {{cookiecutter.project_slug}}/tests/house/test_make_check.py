"""Each part of `make check` is shown to catch what it is there for, on a copy of the tree."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from proof.documents import documents, write_documents
from proof.laboratory import copy_without
from proof.registry import ROOT, load_registry

BIN = Path(sys.executable).parent


@pytest.fixture
def tree() -> Iterator[Path]:
    with copy_without(ROOT, frozenset()) as copy:
        yield copy


def run(tree: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([str(BIN / command[0]), *command[1:]], cwd=tree, capture_output=True, text=True, check=False)


def test_import_directions_hold(tree: Path) -> None:
    done = run(tree, "lint-imports", "--no-cache")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("file", "added", "complaint"),
    [
        ("chatbot/core/principal.py", "from chatbot.gateway import public as up", "Imports run downwards only"),
        ("chatbot/worker/program.py", "from chatbot.gateway import public as across", "Imports run downwards only"),
        ("chatbot/helpers/__init__.py", "", "Imports run downwards only"),  # a folder without a layer
        ("chatbot/chat/links.py", "from chatbot.chat import turn as round", "No two modules"),
    ],
)
def test_an_import_that_runs_upwards_or_round_is_caught(tree: Path, file: str, added: str, complaint: str) -> None:
    path = tree / file
    path.parent.mkdir(exist_ok=True)
    path.write_text((path.read_text() if path.exists() else "") + f"\n{added}\n")
    done = run(tree, "lint-imports", "--no-cache")
    assert done.returncode == 1
    broken = [line for line in done.stdout.splitlines() if line.endswith("BROKEN")]
    assert any(line.startswith(complaint) for line in broken), done.stdout


@pytest.mark.parametrize(
    ("added", "rule"),
    [
        ("x = eval(input())", "S307"),
        ("import subprocess\nsubprocess.run('x', shell=True)", "S602"),
        ("async def f():\n    import time\n    time.sleep(1)", "ASYNC251"),
        ("def f(x):\n    return x", "ANN"),
        ("print(1)", "T201"),
        ("try:\n    x = 1\nexcept Exception:\n    pass", "S110"),
    ],
)
def test_the_linter_s_rules_are_on(tree: Path, added: str, rule: str) -> None:
    (tree / "chatbot/chat/sample.py").write_text(f'"""Sample."""\n\n{added}\n')
    done = run(tree, "ruff", "check", "--no-cache", "--output-format", "concise", "chatbot/chat/sample.py")
    assert done.returncode == 1
    assert rule in done.stdout


def test_types_are_checked_strictly(tree: Path) -> None:
    (tree / "chatbot/core/sample.py").write_text(
        '"""Sample."""\n\n\ndef half(n: int) -> str:\n    """Return half."""\n    return n / 2\n'
    )
    done = run(tree, "mypy", "--no-incremental", "--follow-imports=silent", "chatbot/core/sample.py")
    assert done.returncode == 1
    assert "Incompatible return value" in done.stdout


def test_made_documents_are_current_and_a_change_is_noticed(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert write_documents(tree, check=True) == 0
    for name in documents(load_registry(tree), tree):
        kept = (tree / name).read_text()
        (tree / name).write_text(kept.replace("sql-tenant", "sql-tenants").replace("another tenant", "some tenant"))
        assert write_documents(tree, check=True) == 1
        assert f"{name} is out of date" in capsys.readouterr().out
        (tree / name).write_text(kept)


def test_a_row_that_is_changed_by_hand_is_noticed(tree: Path) -> None:
    registry = tree / "controls.toml"
    registry.write_text(registry.read_text().replace('name = "Signed jobs"', 'name = "Signed work"'))
    assert write_documents(tree, check=True) == 1


def test_a_breach_of_a_house_rule_ends_the_check(tree: Path) -> None:
    shutil.copy(ROOT / "proof/__main__.py", tree / "proof/__main__.py")
    assert run(tree, "python", "-m", "proof", "lint").returncode == 0
    (tree / "chatbot/core/sample.py").write_text("import pickle\n")
    done = run(tree, "python", "-m", "proof", "lint")
    assert done.returncode == 1
    assert "chatbot/core/sample.py:1: data-as-code: " in done.stdout


def test_every_target_stands_once_and_every_promised_one_has_a_recipe() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z-]+):", text, re.MULTILINE)
    assert len(targets) == len(set(targets))
    (promised,) = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert set(promised.split()) <= set(targets)
