"""`chatbot ask` and `chatbot ingest` as a person types them, in processes of their own."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from chatbot.identity.keys import new_key
from chatbot.operations.asking import printable
from chatbot.operations.client import ClientFailed, check_address, read_key
from chatbot.operations.command import main
from development.stack import PROJECT, Stack
from tests.doubles.person import Person
from tests.doubles.upstream import ScriptedModel

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def key_file(person: Person, folder: Path) -> Iterator[Path]:
    made = person.post("/api/v1/keys", json={"name": "terminal", "scopes": ["chat", "documents"]}).json()
    path = folder / "key"
    path.touch(0o600)
    path.write_text(made["key"] + "\n")
    yield path
    person.change("DELETE", f"/api/v1/keys/{made['id']}")


@pytest.fixture
def key(alice: Person, tmp_path: Path) -> Iterator[Path]:
    yield from key_file(alice, tmp_path)


@pytest.fixture
def run(key: Path, stack: Stack) -> Run:
    return command(key, stack)


def command(key: Path, stack: Stack) -> Run:
    def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        own = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        own |= {"CHATBOT_URL": stack.url, "CHATBOT_KEY_FILE": str(key), "PYTHONUTF8": "1"} | environment
        return subprocess.run(
            [sys.executable, "-m", "chatbot", *arguments],
            cwd=PROJECT,
            env=own,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_files_are_added_and_then_answer(run: Run, tmp_path: Path, alice: Person) -> None:
    (tmp_path / "terrarium.md").write_text("# Terrarium\n\nThe newts in the terrarium are fed on Tuesdays.")
    (tmp_path / "picture.md").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    added = run("ingest", str(tmp_path / "terrarium.md"))
    assert (added.returncode, added.stderr) == (0, "")
    assert added.stdout == f"ready   {tmp_path}/terrarium.md\n"
    answer = run("ask", "When are the newts in the terrarium fed?")
    assert answer.returncode == 0, answer.stderr
    assert "Tuesdays" in answer.stdout and "terrarium.md — Terrarium" in answer.stdout
    found = json.loads(run("ask", "--json", "When are the newts in the terrarium fed?").stdout)
    assert "Tuesdays" in found["answer"] and found["sources"][0]["title"] == "terrarium.md"
    without = json.loads(run("ask", "--json", "--without-documents", "When are the newts fed?").stdout)
    assert without["sources"] == [] and "Tuesdays" not in without["answer"]
    mixed = run("ingest", "--json", "--shared", str(tmp_path / "picture.md"), str(tmp_path / "missing.md"))
    assert mixed.returncode == 1
    assert [entry["status"] for entry in json.loads(mixed.stdout)] == ["failed", "failed"]
    assert all(entry["problem"] for entry in json.loads(mixed.stdout))


def test_what_is_wrong_is_said_in_a_sentence(run: Run, key: Path, tmp_path: Path) -> None:
    missing = run("ask", "x", CHATBOT_KEY_FILE=str(tmp_path / "nowhere"))
    assert (missing.returncode, "Settings" in missing.stderr) == (2, True)
    key.chmod(0o640)
    assert "chmod 600" in run("ask", "x").stderr
    key.chmod(0o600)
    away = run("ask", "x", CHATBOT_URL="http://127.0.0.1:9")
    assert (away.returncode, "Is it running?" in away.stderr or "broke off" in away.stderr) == (2, True)
    assert "use https" in run("ask", "x", CHATBOT_URL="http://chat.example.com").stderr
    stranger = new_key()
    key.write_text(stranger)
    refused = run("ask", "x")
    assert refused.returncode == 2 and "not valid" in refused.stderr
    assert stranger not in refused.stderr + refused.stdout
    assert run("ask").returncode == 2
    for answer in (missing, away, refused):
        assert "Traceback" not in answer.stderr


@pytest.mark.parametrize("text", ["", "x", "sk-123", "cbk_" + "0" * 49, new_key() * 2], ids=range(5))
def test_only_a_key_is_sent_anywhere(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key"
    path.touch(0o600)
    path.write_text(text)
    with pytest.raises(ClientFailed, match="holds no API key"):
        read_key(path)


@pytest.mark.parametrize(
    "url", ["http://example.com", "http://127.0.0.1.evil.example", "ftp://127.0.0.1", "127.0.0.1", "http://a@127.0.0.1",
            "https://x/y", "http://[::ffff:8.8.8.8]", "http://[x", "http://127.0.0.1:abc", "http://localhost.evil.example", "javascript:x"],
)  # fmt: skip
def test_a_key_goes_over_tls_or_stays_on_this_machine(url: str) -> None:
    with pytest.raises(ClientFailed):
        check_address(url)


def test_these_addresses_are_fine() -> None:
    for url in ("https://chat.example.com", "http://127.0.0.1:8000", "http://localhost:1", "http://[::1]:8000/"):
        assert check_address(url)


def test_an_answer_cannot_work_the_terminal(
    model_stack: Stack, model: ScriptedModel, person: Callable[..., Person], tmp_path: Path
) -> None:
    model.reset()
    model.pieces = ["\x1b]0;owned\x07", "\x1b[2J\x9b31m", "safe\r\u202e text\n"]
    for key in key_file(person("alice", model_stack), tmp_path):
        shown = command(key, model_stack)("ask", "x").stdout
        assert "safe" in shown
        assert not set(shown) & set("\x1b\x07\x9b\r\u202e")


def test_printable_text_is_printed_as_it_is() -> None:
    assert printable("Zürich – naïve ☕\n\tx") == "Zürich – naïve ☕\n\tx"


class Odd(BaseHTTPRequestHandler):
    """A server that answers everything with `answer`: kind and body."""

    answer = ("application/json", b"{}", 200)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        kind, body, status = self.answer
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST

    def log_message(self, *_arguments: object) -> None:
        return


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("text/html", b"<h1>Hello</h1>", 200), ("application/json", b"[]", 200), ("application/json", b"5", 200),
        ("application/json", b'{"error":"x"}', 500), ("application/json", b"5", 500), ("text/html", b"<h1>", 502),
        ("application/json", b'{"error":{"message":"\\u001b]0;owned\\u0007"}}', 400), ("application/json", b"", 302),
        ("text/event-stream", b"", 200), ("text/event-stream", b"data: {}\n\n", 200), ("text/event-stream", b"data: [1]\n\n", 200),
        ("text/event-stream", b"data: {\n\n", 200), ("text/event-stream", b'data: {"choices":[5]}\n\n', 200),
        ("text/event-stream", b'data: {"choices":[{"delta":{"content":"half"}}]}\n\n', 200),
        ("text/event-stream", b'data: {"error":{"message":"\\u009b2J"}}\n\n', 200), ("text/event-stream", b'data: {"error":5}\n\n', 200),
    ],
)  # fmt: skip
def test_whatever_answers_there_ends_in_a_sentence(
    key: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, body: bytes, status: int
) -> None:
    odd = type("Odd", (Odd,), {"answer": (kind, body, status)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), odd)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    (tmp_path / "a.md").write_text("# A")
    try:
        for words in (["ask", "x"], ["ask", "--json", "x"], ["ingest", str(tmp_path / "a.md")]):
            wrong = main([*words, "--url", f"http://127.0.0.1:{server.server_port}", "--key-file", str(key)])
            shown = capsys.readouterr()
            assert wrong in (1, 2), (words, shown)
            assert shown.err + shown.out
            assert not set(shown.err + shown.out) & set("\x1b\x07\x9b")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
