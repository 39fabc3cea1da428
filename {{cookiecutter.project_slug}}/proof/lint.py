"""Runs the project's own rules over its own files."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from proof.rules import imports, order, python_code, texts
from proof.rules.rule import Rule, Source

RULES: tuple[Rule, ...] = (*python_code.RULES, *imports.RULES, *texts.RULES, *order.RULES)
_SUFFIXES = {".py", ".js", ".sql", ".toml", ".lua", ".css", ".html", ".patch", ".in", ".txt"}
_MADE = {".venv", ".run", "__pycache__", "build", ".git", "node_modules"}
# what others made, byte for byte
_SAMPLES = ("tests", "samples")
MAX_MODULES = 15


@dataclass(frozen=True)
class Finding:
    """A breach of a rule."""

    path: PurePosixPath
    line: int
    rule: Rule

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule.name}: {self.rule.why}"


def sources(root: Path) -> Iterator[Source]:
    """Yield the project's own text files."""
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if (
            path.suffix in _SUFFIXES
            and not _MADE & set(relative.parts)
            and relative.parts[:2] != _SAMPLES
            and path.is_file()
        ):
            yield Source(PurePosixPath(relative), path.read_text(encoding="utf-8"))


def check_tree(root: Path) -> list[Finding]:
    """Return every breach below `root`."""
    return [
        Finding(source.path, line, rule) for source in sources(root) for rule in RULES for line in rule.check(source)
    ]


def crowded_folders(paths: list[PurePosixPath]) -> list[PurePosixPath]:
    """Return the folders of the product that hold more modules than a person keeps in mind."""
    modules = [
        path for path in paths if path.suffix == ".py" and path.parts[0] == "chatbot" and path.stem != "__init__"
    ]
    folders = [path.parent for path in modules]
    return sorted({folder for folder in folders if folders.count(folder) > MAX_MODULES})
