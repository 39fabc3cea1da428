"""Has a document parsed in a process of its own, which is shut in, timed and given nothing but the document.

The process inherits no environment, no file but its pipes, and no secret. What it answers is as untrusted as the
document: it is cut off at a size, and checked before it is used. Fails closed: whatever goes wrong there, the document
is refused.
"""

import json
import logging
import math
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from threading import Timer
from typing import Any

from chatbot.core.errors import Unprocessable
from chatbot.retrieval.notes import check_notes
from chatbot.retrieval.outline import MOST_CHARACTERS, Reading, Section
from chatbot.retrieval.refusal import DETAILS, Refusal

_PROGRAM = Path(__file__).with_name("parsing") / "program.py"
# of processor time, which a busy machine does not shorten; the worker gives a small document less
LONGEST_SECONDS = 20.0
_ENDING_SECONDS = 1
# four bytes for each character at most, and something for what JSON puts around it
_MOST_ANSWER_BYTES = 5 * MOST_CHARACTERS
_MOST_HIDDEN, _MOST_TITLE = 10**9, 1000
_FAULT = re.compile(r"^[A-Za-z_]{1,60} at [a-z_]{1,60}(?:\.py)?:\d{1,6}$")
_log = logging.getLogger("chatbot.retrieval")


def read_confined(media_type: str, body: bytes, seconds: float = LONGEST_SECONDS) -> Reading:
    """Return what a document of this kind says. Raises `Unprocessable`, saying why it is not read and what to do."""
    arguments = [str(_PROGRAM), media_type, str(math.ceil(seconds))]
    answer, status = run_confined(arguments, body, longest_wait(seconds))
    try:
        return check_answer(answer)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        # killed for its time or memory, or answering nonsense: the log tells which
        _log.warning("a parsing process failed", extra={"status": status, "kind": media_type})
        raise Unprocessable(DETAILS[Refusal.TOO_COSTLY]) from None


def longest_wait(seconds: float) -> float:
    """Return how long to wait for so many seconds of processor time, on a machine that does other things beside."""
    return 10 + 2 * seconds


def run_confined(arguments: list[str], body: bytes, seconds: float) -> tuple[bytes, int]:
    """Run a Python program on `body` and return what it wrote and its exit status, negative for a signal.

    It is killed with all that it started after `seconds`, and when it writes more than is read.
    """
    cache = [f"-Xpycache_prefix={sys.pycache_prefix}"] if sys.pycache_prefix else []
    process = subprocess.Popen(  # noqa: S603 - our own program; nothing of the document is among its arguments
        [sys.executable, "-I", "-B", *cache, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={},
        cwd="/",
        close_fds=True,
        start_new_session=True,
    )
    timer = Timer(seconds, _kill, [process])
    timer.daemon = True
    timer.start()
    assert process.stdin is not None and process.stdout is not None  # noqa: S101 - both are pipes
    try:
        with suppress(BrokenPipeError), process.stdin:
            process.stdin.write(body)
        with process.stdout:
            answer = process.stdout.read(_MOST_ANSWER_BYTES)
    finally:
        # it may go on writing, or this task was interrupted: give it a moment to end by itself, for its status
        timer.cancel()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_ENDING_SECONDS)
        if process.returncode is None:
            _kill(process)
        status = process.wait()
    return answer, status


def _kill(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def check_answer(written: bytes) -> Reading:
    """Return the reading that a parsing process wrote.

    Raises `Unprocessable` for a document that is refused, `ValueError`, `TypeError`, `KeyError`, `AttributeError` or
    `RecursionError` for what is no answer at all.
    """
    answer = json.loads(written)
    if "fault" in answer and _FAULT.match(_text(answer["fault"])):
        _log.error("a parser failed", extra={"fault": answer["fault"]})
    if "refused" in answer:
        raise Unprocessable(DETAILS[Refusal(answer["refused"])])
    sections = [Section(_text(title), _text(text)) for title, text in answer["sections"]]
    hidden = answer["hidden"]
    # a title goes with each of its passages, and the count into a column of four bytes
    if type(hidden) is not int or not 0 <= hidden < _MOST_HIDDEN or any(len(s.title) > _MOST_TITLE for s in sections):
        raise ValueError
    reading = Reading(sections, hidden, check_notes(answer["notes"]))
    if reading.is_empty:
        raise Unprocessable(DETAILS[Refusal.NO_TEXT])
    return reading


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
