"""A copy of the project without some of its controls, and what its tests say there."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from proof.outcomes import FILE as OUTCOMES

_MADE = (".venv", ".run", "__pycache__", "build", ".git", ".*cache")
_NOT_COPIED = shutil.ignore_patterns(*_MADE)
_MOST_SECONDS = 600
_STOPPING_SECONDS = 60
_REFUSALS = "CHATBOT_REFUSALS"


class BadPatch(Exception):
    """An ablation does not apply, or reaches beyond its control. The text says which and what to do."""


@dataclass
class Outcomes:
    """How tests ended: `red` by assertion, `passed`, `skipped`, or `broken` in any other way."""

    tests: dict[str, str] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    refusals: dict[str, Counter[str]] = field(default_factory=dict)
    output: str = ""

    def below(self, wanted: str) -> list[str]:
        """Return the outcomes of a file, a test, or one of a test's cases."""
        return [
            outcome
            for test, outcome in self.tests.items()
            if test == wanted or test.startswith((f"{wanted}::", f"{wanted}["))
        ]

    def why_below(self, wanted: str) -> str:
        """Return the reason of the first test of these that did not pass."""
        found = [why for test, why in self.why.items() if why and test.startswith(wanted)]
        return found[0] if found else "it did not run"


def patch_of(root: Path, control: str) -> Path:
    """Return where a control's ablation is kept."""
    return root / "labs" / control / "break.patch"


def changed_files(root: Path, copy: Path) -> set[str]:
    """Return the files in which a copy differs from the project, whatever a patch says of itself."""
    trees = [{path.relative_to(top) for path in top.rglob("*") if path.is_file()} for top in (root, copy)]
    made = {path for path in trees[0] ^ trees[1] if not _is_made(path)}
    both = {path for path in trees[0] & trees[1] if not _is_made(path)}
    changed = {path for path in both if (root / path).read_bytes() != (copy / path).read_bytes()}
    return {str(path) for path in made | changed}


def _is_made(path: Path) -> bool:
    return any(fnmatch(part, pattern) for part in path.parts for pattern in _MADE)


@contextmanager
def copy_without(root: Path, controls: frozenset[str]) -> Iterator[Path]:
    """Yield a temporary copy of the project with these ablations applied. Raises `BadPatch`."""
    with tempfile.TemporaryDirectory(prefix="chatbot-lab-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)  # the servers run as an account of their own
        copy = Path(folder) / "project"
        shutil.copytree(root, copy, ignore=_NOT_COPIED)
        for control in sorted(controls):
            apply(copy, patch_of(root, control))
        yield copy


def apply(copy: Path, patch: Path, *options: str) -> None:
    """Apply a patch exactly. Raises `BadPatch`."""
    # the ceiling keeps git from taking an outer repository for the patch's own
    environment = os.environ | {"GIT_CEILING_DIRECTORIES": str(copy.parent)}
    done = subprocess.run(
        ["git", "apply", *options, str(patch)], cwd=copy, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BadPatch(f"{patch.parent.name}: the patch no longer applies: {done.stderr.strip()} (make lab-refresh)")


def run_tests(copy: Path, tests: list[str]) -> Outcomes:
    """Run tests inside a copy, with its own servers, and return how each ended."""
    record, refused = copy.parent / "outcomes", copy.parent / "refusals"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPYCACHEPREFIX"}
    environment |= {OUTCOMES: str(record), _REFUSALS: str(refused)}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "proof.outcomes",
        "--continue-on-collection-errors",
        "-q",
        "--no-header",
        "--tb=short",
        *tests,
    ]
    outcomes = Outcomes(output=_run(command, copy, environment)[-6000:])
    for note in _lines(record):
        if outcomes.tests.get(note["test"]) not in ("won", "red", "broken"):  # the worst that was noted stays
            outcomes.tests[note["test"]], outcomes.why[note["test"]] = note["outcome"], note["why"]
    for note in _lines(refused):
        outcomes.refusals[note["test"]] = Counter(note["refusals"])
    return outcomes


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    """Run a command to its end and return what it printed. However it ends, it is given time to stop its servers."""
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        return process.communicate(timeout=_MOST_SECONDS)[0]
    except subprocess.TimeoutExpired:
        return f"the tests took longer than {_MOST_SECONDS} seconds"
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.communicate(timeout=_STOPPING_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()


def _lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
