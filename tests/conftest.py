"""Bakes projects from the template with answers of a test's choice."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEMPLATE = ROOT / "{{cookiecutter.project_slug}}"


@dataclass(frozen=True)
class Baked:
    """What a run of cookiecutter left."""

    status: int
    output: str
    folder: Path

    @property
    def projects(self) -> list[Path]:
        return sorted(self.folder.iterdir())

    @property
    def project(self) -> Path:
        assert self.status == 0, self.output
        (project,) = self.projects
        return project


@pytest.fixture
def bake(tmp_path: Path) -> Callable[..., Baked]:
    def run(source: Path = ROOT, **answers: str) -> Baked:
        folder = tmp_path / "out"
        folder.mkdir(exist_ok=True)
        command = [Path(sys.executable).parent / "cookiecutter", source, "--no-input", "--output-dir", folder]
        command += [f"{name}={answer}" for name, answer in answers.items()]
        # no network, no home folder of the user's: generation works offline and leaves nothing elsewhere
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path / "home"), "http_proxy": "http://127.0.0.1:1",
                       "https_proxy": "http://127.0.0.1:1", "LC_ALL": "C.UTF-8"}  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
        return Baked(done.returncode, done.stdout + done.stderr, folder)

    return run
