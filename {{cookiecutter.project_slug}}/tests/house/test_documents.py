"""The documents are held against the code."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()


def test_every_folder_of_the_product_stands_in_the_layers() -> None:
    for folder in (path for path in (ROOT / "chatbot").iterdir() if path.is_dir() and path.name != "__pycache__"):
        assert f"`chatbot/{folder.name}`" in ARCHITECTURE, folder


def test_make_help_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE)) - {"setup-test"}
    shown = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert {line.split()[0] for line in shown.stdout.splitlines() if line.strip()} == targets
