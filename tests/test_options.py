"""Every answer of every question makes a project that passes its own checks; all of them together too.

The checks are the project's own `make check` and its house tests. They run in one environment for all, since an
environment is the same whatever was answered.
"""

import itertools
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT, Baked

QUESTIONS = {name: value for name, value in json.loads((ROOT / "cookiecutter.json").read_text()).items() if name[0] != "_"}
CHOICES = {name: value for name, value in QUESTIONS.items() if isinstance(value, list)}
# answers that are as far from the defaults as the rules let them be
UNUSUAL = {
    "project_name": "Über-Bot 2 (tëst, v1.0) & Co.",
    "project_slug": "x" * 40,
    "host_name": "a.b-c.example.co.uk",
    "author": "Ada & Grace (R+D), Zürich",
}
# the defaults are what CI tests in whole
FEW = [{name: value} for name, value in UNUSUAL.items()]
ALL = [
    *({name: value} for name, values in CHOICES.items() for value in values[1:]),
    *(UNUSUAL | dict(zip(CHOICES, chosen, strict=True)) for chosen in itertools.product(*CHOICES.values())),
]


def make(project: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    shared = Path(os.environ.get("BUILD", ROOT / "build")) / "in-place" / ".venv"
    command = ["make", "--no-print-directory", "-C", str(project), *words, f"VENV={shared}"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "CHATBOT_"))}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_every_question_has_an_unusual_answer() -> None:
    assert set(UNUSUAL) | set(CHOICES) == set(QUESTIONS)


@pytest.mark.parametrize("answers", FEW, ids=lambda answers: next(iter(answers)))
def test_one_unusual_answer_breaks_no_rule_of_the_project(bake: Callable[..., Baked], answers: dict[str, str]) -> None:
    done = make(bake(**answers).project, "docs", "test", "TESTS=tests/house/test_rules.py tests/house/test_documents.py")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.mark.parametrize("answers", ALL, ids=lambda answers: "+".join(answers) + "=" + list(answers.values())[-1][:3])
def test_the_project_passes_its_own_checks(bake: Callable[..., Baked], answers: dict[str, str]) -> None:
    project = bake(**answers).project
    for words in (("check",), ("test", "TESTS=tests/house")):
        done = make(project, *words)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def test_without_labs_there_are_none_and_the_rest_says_so(bake: Callable[..., Baked]) -> None:
    project = bake(labs="no").project
    assert not (project / "labs").exists()
    done = make(project, "labs-check")
    assert done.returncode != 0
    assert "made without labs" in done.stderr
    skipped = make(project, "test", "TESTS=tests/house").stdout
    assert "this project was made without labs" in skipped
