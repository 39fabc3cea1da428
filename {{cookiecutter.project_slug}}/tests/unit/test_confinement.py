"""A parser that was taken over gets nowhere: each attack runs behind the same `confine` as the real one."""

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from chatbot.core.errors import Unprocessable
from chatbot.retrieval.confined import check_answer, read_confined, run_confined
from chatbot.retrieval.parsing.pdf.document import read_pdf
from chatbot.retrieval.parsing.text import read_html
from chatbot.retrieval.parsing.word.document import read_word
from tests.doubles.files import WORD, make_package, make_pdf, make_word, paragraph, shown

PROJECT = str(Path(__file__).parents[2])
BEGIN = f"""
import ctypes, errno, json, os, platform, resource, signal, socket, subprocess, sys, threading, time
sys.path.append({PROJECT!r})
from chatbot.retrieval.parsing.confinement import Limits, confine
"""
TRY = """
def attempt(action):
    try:
        return "done: " + repr(action())
    except OSError as error:
        return errno.errorcode[error.errno]
    except BaseException as error:
        return type(error).__name__
"""
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's own: elsewhere the limits are all")


def run(program: str, body: bytes = b"", seconds: float = 30) -> tuple[bytes, int]:
    return run_confined(["-c", BEGIN + TRY + program], body, seconds)


def found(program: str, *, limits: str = "Limits()") -> Any:
    answer, status = run(f"confine({limits})\nfound = {program}\nprint(json.dumps(found))")
    assert status == 0, answer
    return json.loads(answer)


ATTACKS = {
    "read a file": "open('/etc/passwd').read()",
    "read the worker's memory": "open(f'/proc/{os.getppid()}/mem', 'rb')",
    "list a folder": "os.listdir('/')",
    "write a file": "open('/tmp/chatbot-escaped', 'w').write('x')",
    "make a folder": "os.mkdir('/tmp/chatbot-escaped')",
    "open a socket": "socket.socket()",
    "open a local socket": "socket.socket(socket.AF_UNIX)",
    "make a pair of sockets": "socket.socketpair()",
    "make a pipe": "os.pipe()",
    "start a program": "subprocess.run(['/bin/true'])",
    "become a program": "os.execv('/bin/sh', ['sh', '-c', 'true'])",
    "fork": "os.fork()",
    "start a thread": "threading.Thread(target=print).start()",
}


@pytest.mark.parametrize("name", ATTACKS)
def test_nothing_outside_can_be_reached(name: str) -> None:
    outcome = found(f"attempt(lambda: {ATTACKS[name]})")
    if sys.platform == "linux":
        assert outcome in ("EPERM", "RuntimeError" if name == "start a thread" else "EPERM")
    elif name != "start a thread":
        assert not outcome.startswith("done")


@on_linux
def test_no_system_call_is_allowed_but_the_listed_ones() -> None:
    program = """
from chatbot.retrieval.parsing.confinement import _CALLS
allowed = set(_CALLS[platform.machine()][1].values())
passed = {335, 336}  # uretprobe and uprobe: the kernel filters neither, and kills who calls them by himself
call = ctypes.CDLL(None, use_errno=True).syscall
confine(Limits())
wrong = []
for number in [*range(600), *(0x40000000 + n for n in range(600))]:  # x32 has calls of its own
    if number in allowed | passed:
        continue
    ctypes.set_errno(0)
    if call(ctypes.c_long(number), 0, 0, 0, 0, 0, 0) != -1 or ctypes.get_errno() != errno.EPERM:
        wrong.append(number)
print(json.dumps(wrong))
"""
    answer, status = run(program)
    assert (json.loads(answer), status) == ([], 0)


@on_linux
def test_the_limits_and_the_filter_cannot_be_lifted() -> None:
    assert found("attempt(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))") in ("EPERM", "ValueError")
    assert found("ctypes.CDLL(None).prctl(22, 0, 0, 0, 0)") == -1


def test_no_secret_is_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATBOT_SECRET", "canary-5f1")
    secret = os.memfd_create("secret") if hasattr(os, "memfd_create") else os.dup(0)
    os.set_inheritable(secret, True)
    try:
        program = f"[dict(os.environ), attempt(lambda: os.fstat({secret})), os.getcwd(), sys.argv, sys.flags.isolated]"
        answer, status = run(f"print(json.dumps({program}))")
    finally:
        os.close(secret)
    assert status == 0
    environment, opened, folder, arguments, isolated = json.loads(answer)
    assert set(environment) <= {"LC_CTYPE", "__CF_USER_TEXT_ENCODING"}  # Python's and macOS's own
    assert (opened, folder, arguments, isolated) == ("EBADF", "/", ["-c"], 1)


def test_memory_ends() -> None:
    if sys.platform != "linux":
        pytest.skip("macOS keeps no limit on the address space")
    assert found("attempt(lambda: len(bytearray(300 << 20)))", limits="Limits(memory=200 << 20)") == "MemoryError"
    assert found("attempt(lambda: len(bytearray(1100 << 20)))") == "MemoryError"


def test_processor_time_ends() -> None:
    begun = time.monotonic()
    _, status = run("confine(Limits(seconds=1))\nwhile True: pass")
    assert -status in (signal.SIGKILL, signal.SIGXCPU)
    assert time.monotonic() - begun < 20


def test_waiting_ends_and_takes_every_child_with_it() -> None:
    begun = time.monotonic()
    program = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\ntime.sleep(60)"
    _, status = run(program, seconds=1)
    assert status == -signal.SIGKILL
    assert time.monotonic() - begun < 20


def test_an_endless_answer_is_cut_off() -> None:
    answer, status = run("while True: sys.stdout.buffer.write(b'x' * 65536)")
    assert len(answer) == 20_000_000
    assert status != 0


def test_a_program_that_reads_nothing_does_not_hold_the_caller() -> None:
    assert run("sys.exit(3)", b"x" * 5_000_000) == (b"", 3)


@on_linux
def test_a_machine_that_cannot_confine_parses_nothing() -> None:
    program = "platform.machine = lambda: 'riscv64'\nsys.argv = ['program', 'text/html', '20']\n"
    program += "from chatbot.retrieval.parsing.program import main\nmain()"
    answer, _ = run(program, b"<p>x")
    assert json.loads(answer) == {"refused": "unconfined"}
    with pytest.raises(Unprocessable, match="cannot read such files safely"):
        check_answer(answer)


@pytest.mark.parametrize(
    "answer",
    [b"", b"x", b"[]", b"{}", b"1", b'{"sections": 1, "hidden": 0}', b'{"sections": [["a"]], "hidden": 0, "notes": {}}', b'{"refused": "because I say so"}',
     b'{"sections": [["a", 1]], "hidden": 0}', b'{"sections": [["a", "b"]]}', b'{"sections": [["a", "b"]], "hidden": -1}',
     b'{"sections": [["a", "b"]], "hidden": true}', b'{"sections": [["a", "b"]], "hidden": "1"}', b"[" * 200_000, b'{"refused": ["x"]}',
     b'{"fault": 1}', b'{"sections": [["a", "b"]], "hidden": 2147483647}', b'{"sections": [["%s", "b"]], "hidden": 0}' % (b"a" * 1001)],
    ids=range(18),
)  # fmt: skip
def test_a_forged_answer_is_no_answer(answer: bytes) -> None:
    with pytest.raises((ValueError, TypeError, KeyError, RecursionError)):
        check_answer(answer)


SAMPLES = {
    "html": (
        "text/html",
        "<title>T</title><h1>Ä</h1><p>x&eacute;<i style='opacity:0'>h</i></p>".encode(),
        read_html,
    ),
    "pdf": (
        "application/pdf",
        make_pdf(shown("One."), shown("HID", before="3 Tr") + shown("Two."), packed=True),
        read_pdf,
    ),
    "word": (
        WORD,
        make_word(lambda document: [document.add_heading("H", 1), document.add_paragraph("Text.")]),
        read_word,
    ),
    "package": (WORD, make_package(paragraph("Text.") + paragraph("HID", "<w:vanish/>")), read_word),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_confined_parser_reads_what_a_free_one_does(name: str) -> None:
    media_type, body, parse = SAMPLES[name]
    assert read_confined(media_type, body) == parse(body)


@pytest.mark.parametrize(
    ("media_type", "body", "why"),
    [
        ("text/html", b"<div>" * 100_000, "nested far too deeply"),
        ("text/html", b"<script>x</script>", "no text that can be seen"),
        ("application/pdf", make_pdf(b""), "run text recognition|Run text recognition"),
        ("application/pdf", b"%PDF-1.7 nothing", "damaged"),
        (WORD, make_package(paragraph("x"), {"x.bin": b"\0" * 70_000_000}), "Unpacked"),
        (WORD, b"PK\x03\x04", "damaged"),
    ],
    ids=range(6),
)
def test_a_refusal_says_what_to_do(media_type: str, body: bytes, why: str) -> None:
    with pytest.raises(Unprocessable, match=why):
        read_confined(media_type, body)


def test_a_parser_out_of_time_or_memory_is_a_refusal() -> None:
    # within the limits for a package, and yet far more than a process may hold once it is a tree
    body = make_package("<w:p/>" * 8_000_000, pack=False)
    with pytest.raises(Unprocessable, match="took too long or too much memory"):
        read_confined(WORD, body)
