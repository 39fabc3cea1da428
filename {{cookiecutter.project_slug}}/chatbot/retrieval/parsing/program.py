"""The program of the confined process: `python -I program.py KIND SECONDS`, a document in, a reading out.

It imports, shuts itself in, and only then reads the first byte. What it writes is one JSON object: `{"sections":
[[title, text], …], "hidden": n, "notes": {name: value}}`, or `{"refused": reason}` with a name of `Refusal`, and a
"fault" where a parser failed in a way that it should not. The caller trusts none of it.
"""

import importlib
import json
import logging
import pkgutil
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from traceback import walk_tb
from typing import Any

_TEXT = "chatbot.retrieval.parsing.text"
# by media type: the parser's module and function, and the libraries that import parts of themselves late
_PARSERS = {
    "text/plain": (_TEXT, "read_plain", ()),
    "text/markdown": (_TEXT, "read_markdown", ()),
    "text/csv": (_TEXT, "read_csv", ()),
    "text/html": (_TEXT, "read_html", ()),
    "application/pdf": ("chatbot.retrieval.parsing.pdf.document", "read_pdf", ()),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": (
        "chatbot.retrieval.parsing.word.document",
        "read_word",
        (),
    ),
}


def main() -> None:
    """Read one document from the input."""
    from chatbot.retrieval.parsing.confinement import CannotConfine, Limits, confine

    module, name, libraries = _PARSERS[sys.argv[1]]
    # only the parser that is needed: each takes its time to import, and widens what can be attacked
    parse: Callable[[bytes], Any] = getattr(importlib.import_module(module), name)
    # every codec: a font, a page or a package can name any of them, and they are found by name, late
    for library in ("encodings", *libraries):
        _import_whole(library)
    if module == _TEXT:
        importlib.import_module("chatbot.retrieval.parsing.decoding").warm_up()
    logging.disable()  # a library would write of each flaw in the file, and nobody reads it
    try:
        confine(Limits(seconds=int(sys.argv[2])))
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
    except Exception as fault:  # closed; a parser was not expected to raise it: the fault is ours, and the log is told
        frames = [frame for frame in walk_tb(fault.__traceback__) if "chatbot" in frame[0].f_code.co_filename]
        place = f"{Path(frames[-1][0].f_code.co_filename).name}:{frames[-1][1]}" if frames else "unknown:0"
        return {"refused": Refusal.FAULT.value, "fault": f"{type(fault).__name__} at {place}"}
    sections = [[section.title, section.text] for section in reading.sections]
    return {"sections": sections, "hidden": reading.hidden, "notes": reading.notes}


def _import_whole(library: str) -> None:
    """Import what would be imported on demand: afterwards no file can be opened."""
    for found in pkgutil.walk_packages(importlib.import_module(library).__path__, f"{library}."):
        with suppress(ImportError):  # a part for another system, or for something that is not installed
            importlib.import_module(found.name)


if __name__ == "__main__":
    # in isolated mode, neither the current folder nor the environment says where this project is
    sys.path.append(str(Path(__file__).resolve().parents[3]))
    main()
