"""The documents are held against the code."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()
ROWS = (
    "web-output", "web-browser", "web-csp", "web-csrf", "web-session", "api-auth", "sql-params", "sql-tenant", "vec-access",
    "queue-tamper", "app-deserialise", "app-error",
)  # fmt: skip


def test_every_control_names_modules_and_tests_that_exist() -> None:
    rows = re.findall(r"^\| ([a-z]+-[a-z]+) \|[^|]+\|([^|]+)\|([^|]+)\|$", ARCHITECTURE, re.MULTILINE)
    assert tuple(name for name, *_ in rows) == ROWS
    for name, modules, tests in rows:
        previous = ""
        for module in re.findall(r"`([\w./]+)`", modules):
            folder = previous.rsplit("/", 1)[0]
            places = [
                ROOT / "chatbot" / module,
                ROOT / module,
                ROOT / "chatbot" / folder / module,
                ROOT / folder / module,
            ]
            assert any(place.exists() for place in places), (name, module)
            previous = module if "/" in module else previous
        found = re.findall(r"`([\w./]+)`", tests)
        assert found, name
        for test in found:
            assert (ROOT / "tests" / test).exists(), (name, test)


def test_every_attack_file_stands_in_the_table() -> None:
    for path in [*ROOT.glob("tests/attacks/test_*.py"), *ROOT.glob("tests/contract/test_*.py")]:
        assert f"{path.parent.name}/{path.name}" in ARCHITECTURE, path


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
