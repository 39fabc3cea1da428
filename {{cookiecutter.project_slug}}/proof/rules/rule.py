"""What a house rule is: a name, a reason, where it applies, how it finds a breach, and samples of both kinds."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath


@dataclass(frozen=True)
class Source:
    """A file of the project, by its path from the project's folder."""

    path: PurePosixPath
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed Python."""
        return ast.parse(self.text, str(self.path))

    def is_below(self, *folders: str) -> bool:
        """Say whether the file lies in one of these folders."""
        return any(self.path.is_relative_to(folder) for folder in folders)


Finder = Callable[[Source], Iterator[int]]


@dataclass(frozen=True)
class Rule:
    """`find` yields the lines at fault. `bad` and `good` are samples at `sample_path`: each bad one must be found."""

    name: str
    why: str
    applies: Callable[[Source], bool]
    find: Finder
    bad: tuple[str, ...]
    good: tuple[str, ...] = ()
    sample_path: str = "chatbot/gateway/sample.py"

    def check(self, source: Source) -> list[int]:
        """Return the lines of `source` at fault, none when the rule does not apply to it."""
        return sorted(set(self.find(source))) if self.applies(source) else []

    def sample(self, text: str) -> Source:
        """Return a sample as a source."""
        return Source(PurePosixPath(self.sample_path), text)


_FOLDERS = ("chatbot", "development", "migrations", "proof", "toolserver")


def is_product(source: Source) -> bool:
    """Say whether a file is Python that runs outside of tests."""
    return source.path.suffix == ".py" and source.is_below(
        "chatbot", "development", "migrations", "proof", "toolserver"
    )
