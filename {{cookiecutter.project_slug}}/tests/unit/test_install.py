"""What is missing on a machine is said in one clear sentence, before anything is installed."""

import subprocess
import sys
from pathlib import Path

import pytest

from development import install

ROOT = Path(__file__).parents[2]


def test_this_machine_is_fine() -> None:
    assert install.find_obstacle() == ""


def test_an_unsupported_platform_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert "not supported: use Linux or macOS" in install.find_obstacle()


@pytest.mark.parametrize("version", [(3, 10, 1), (3, 15, 0)])
def test_an_unsupported_python_is_named(monkeypatch: pytest.MonkeyPatch, version: tuple[int, int, int]) -> None:
    monkeypatch.setattr(sys, "version_info", version)
    assert "install Python 3.11 to 3.14" in install.find_obstacle()


def test_a_missing_venv_module_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install.shutil, "which", lambda name: None)
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    assert "apt install python3-venv" in install.find_obstacle()


def test_an_old_make_is_named() -> None:
    done = subprocess.run(["make", "MAKE_VERSION=3.81", "help"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "make 3.81 is too old: version 4 or newer is needed" in done.stderr


def test_installing_needs_nothing_but_the_standard_library() -> None:
    """The installer runs before anything is installed: with an empty search path it must still import."""
    code = "import sys; sys.path = [p for p in sys.path if 'site-packages' not in p]; import development.install"
    subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, check=True)
