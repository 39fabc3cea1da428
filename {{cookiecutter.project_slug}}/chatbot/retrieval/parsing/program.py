"""The program of the confined process: `python -I program.py KIND`, a document on its input, a reading on its output.

It imports, shuts itself in, and only then reads the first byte. What it writes is one JSON object: `{"sections":
[[title, text], …], "hidden": n}`, or `{"refused": reason}` with a name of `Refusal`, and a "fault" where a parser
failed in a way that it should not. The caller trusts none of it.
"""

import importlib
import json
import logging
import pkgutil
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

# by media type: the parser's module and function, and the library that imports parts of itself late
_PARSERS = {
    "text/html": ("chatbot.retrieval.parsing.hypertext", "read_hypertext", ""),
    "application/pdf": ("chatbot.retrieval.parsing.pdf", "read_pdf", "pypdf"),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": (
        "chatbot.retrieval.parsing.word",
        "read_word",
        "docx",
    ),
}
_CODECS = ("utf-16", "utf-16-be", "utf-16-le", "utf-32", "latin-1", "cp1252", "mac-roman", "ascii", "cp437")


def main() -> None:
    """Read one document from the input."""
    from chatbot.retrieval.parsing.confinement import CannotConfine, Limits, confine

    module, name, library = _PARSERS[sys.argv[1]]
    # only the parser that is needed: each takes its time to import, and widens what can be attacked
    parse: Callable[[bytes], Any] = getattr(importlib.import_module(module), name)
    _import_whole(library)
    logging.disable()  # a library would write of each flaw in the file, and nobody reads it
    try:
        confine(Limits())
    except CannotConfine:
        written = {"refused": "unconfined"}  # closed: unread is better than read in the open
    else:
        written = _read(parse)
    sys.stdout.buffer.write(json.dumps(written, ensure_ascii=False).encode("utf-8", "replace"))
    sys.stdout.buffer.flush()


def _read(parse: Callable[[bytes], Any]) -> dict[str, Any]:
    from chatbot.retrieval.outline import TooMuchText
    from chatbot.retrieval.refusal import Refusal, Refused

    try:
        reading = parse(sys.stdin.buffer.read())
    except Refused as refused:
        return {"refused": refused.reason.value}
    except TooMuchText:
        return {"refused": Refusal.TOO_LONG.value}
    except MemoryError:
        return {"refused": Refusal.TOO_COSTLY.value}
    except RecursionError:
        return {"refused": Refusal.NESTED.value}
    except Exception as fault:  # closed; the log is told what a parser was not expected to raise
        return {"refused": Refusal.BROKEN.value, "fault": type(fault).__name__}
    return {"sections": [[section.title, section.text] for section in reading.sections], "hidden": reading.hidden}


def _import_whole(library: str) -> None:
    """Import what would be imported on demand: afterwards no file can be opened."""
    for codec in _CODECS:
        "".encode(codec)
    if not library:
        return
    for found in pkgutil.walk_packages(importlib.import_module(library).__path__, f"{library}."):
        with suppress(ImportError):  # a part for something that is not installed
            importlib.import_module(found.name)


if __name__ == "__main__":
    # in isolated mode, neither the current folder nor the environment says where this project is
    sys.path.append(str(Path(__file__).resolve().parents[3]))
    main()
