"""What every producer is: a function that writes some of the source documents as files, unless its program is absent."""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.extraction.source import Source

_TRUETYPE = Path("/usr/share/fonts/truetype")
FONTS = {
    "sans": _TRUETYPE / "liberation/LiberationSans-Regular.ttf",
    "sans-bold": _TRUETYPE / "liberation/LiberationSans-Bold.ttf",
    "noto": _TRUETYPE / "noto/NotoSans-Regular.ttf",
    "noto-bold": _TRUETYPE / "noto/NotoSans-Bold.ttf",
    "serif": _TRUETYPE / "noto/NotoSerif-Regular.ttf",
    "zh": _TRUETYPE / "wqy/wqy-zenhei.ttc",
    "ar": _TRUETYPE / "noto/NotoNaskhArabic-Regular.ttf",
}
_SECONDS = 240


class Absent(Exception):
    """A program, library or font is not on this machine."""


@dataclass(frozen=True)
class Corpus:
    """The source documents, and the folder in which what is made of them is collected."""

    folder: Path
    sources: dict[str, Source]

    @property
    def latin(self) -> list[Source]:
        return [source for source in self.documents if source.is_latin]

    @property
    def documents(self) -> list[Source]:
        """All but the price list, which is a spreadsheet."""
        return [source for name, source in self.sources.items() if name != "prices"]

    def place(self, source: str, file: str) -> Path:
        """Return where a file made of a source belongs."""
        folder = self.folder / "out" / source
        folder.mkdir(parents=True, exist_ok=True)
        return folder / file


Producer = Callable[[Corpus], None]


def need(*programs: str, modules: tuple[str, ...] = (), fonts: tuple[str, ...] = ()) -> None:
    """Raise `Absent` for the first of them that is missing."""
    for program in programs:
        if shutil.which(program) is None:
            raise Absent(f"program {program}")
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise Absent(f"Python library {module}")
    for font in fonts:
        if not FONTS[font].exists():
            raise Absent(f"font {FONTS[font].name}")


def run(*command: object, folder: Path | None = None, **environment: str) -> None:
    """Run a program. Raises `RuntimeError` with the end of what it said when it fails."""
    done = subprocess.run(
        list(map(str, command)),
        check=False,
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        timeout=_SECONDS,
    )
    if done.returncode:
        said = (done.stdout + done.stderr).decode(errors="replace")
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {said[-700:]}")
