"""`make demo`, as a new user runs it: a new environment, the real parts, a cited answer about an own document."""

import hashlib
import os
import re
import select
import shutil
import signal
import subprocess
import time
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

import pytest
from conftest import ROOT


class Newcomer:
    """A browser of the standard library: the template's own environment has no other."""

    def __init__(self, url: str) -> None:
        self.url = url
        # the application's cookies are Secure, which browsers accept on loopback and this library does not
        policy = DefaultCookiePolicy(secure_protocols=("https", "http"))
        self.opener = build_opener(HTTPCookieProcessor(CookieJar(policy)))
        self.headers: dict[str, str] = {}

    def open(self, path: str, data: bytes | None = None, method: str | None = None, kind: str = "text/html") -> str:
        address = path if path.startswith("http") else self.url + path
        request = Request(address, data, {**self.headers, "content-type": kind, "accept": "text/html"}, method=method)
        with self.opener.open(request, timeout=30) as answer:
            return str(answer.read().decode())

    def sign_in(self, issuer: str, name: str, password: str) -> None:
        form = self.open("/auth/login")
        attempt = re.search(r'name="attempt" value="([^"]+)"', form)
        assert attempt, form
        fields = urlencode({"attempt": attempt[1], "name": name, "password": password}).encode()
        assert "composer" in self.open(f"{issuer}/authorize", fields, kind="application/x-www-form-urlencoded")
        token = re.search(r'"csrf_token":"([^"]+)"', self.open("/api/v1/session"))
        assert token
        self.headers = {"origin": self.url, "x-csrf-token": token[1]}


def test_make_demo_leads_to_a_cited_answer_and_keeps_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tmp_path.chmod(0o755)
    build = tmp_path / 'a "b" é'  # a folder as people have them, and worse
    state = (build / "demo" / "secure-chatbot" / ".run").resolve()
    try:
        first = run_demo(build, ask=True)
        second = run_demo(build, ask=False)
    finally:
        # where the servers keep their data when their account cannot reach the project
        instance = hashlib.sha256(os.fsencode(state)).hexdigest()[:8]
        shutil.rmtree(f"/var/lib/chatbot-development-{instance}", ignore_errors=True)
    with capsys.disabled():
        installer = "uv" if shutil.which("uv") else "pip"
        print(f" first cited answer after {first:.1f} s (installed with {installer}), second start after {second:.1f} s ", end="")


def run_demo(build: Path, *, ask: bool) -> float:
    begun = time.monotonic()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("CHATBOT_", "VIRTUAL_ENV", "MAKE", "MFLAGS"))}
    demo = subprocess.Popen(
        ["make", "demo", f"BUILD={build}"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip
    try:
        output = read_until(demo, "Stop: Ctrl-C", seconds=600)
        url, issuer = (re.search(pattern, output)[1] for pattern in (r"Open (http://\S+)", r"(http://localhost:\d+)"))
        password = re.search(r"^    alice +(\S+) +member of acme$", output, re.MULTILINE)[1]
        newcomer = Newcomer(url)
        newcomer.sign_in(issuer, "alice", password)
        if ask:
            newcomer.open("/api/v1/documents?name=own.md", b"# Own\n\nThe harbour master is called Ingrid.", "POST")
            while '"ready"' not in newcomer.open("/api/v1/documents"):
                time.sleep(0.05)  # polling a server's state
            conversation = re.search(r'"id":"([^"]+)"', newcomer.open("/api/v1/conversations", b"", "POST"))[1]
            question = b'{"question":"What is the harbour master called?"}'
            answer = newcomer.open(f"/api/v1/conversations/{conversation}/turns", question, "POST", "application/json")
            assert "The harbour master is called Ingrid." in answer
            assert '["cite",{"number":1}]' in answer
        else:
            assert "What is the harbour master called?" in newcomer.open("/api/v1/conversations")
        return time.monotonic() - begun
    finally:
        os.killpg(demo.pid, signal.SIGINT)
        demo.wait(60)
        demo.stdout.close()


def read_until(process: "subprocess.Popen[bytes]", mark: str, seconds: float) -> str:
    output, end = "", time.monotonic() + seconds
    while mark not in output:
        assert time.monotonic() < end, output
        if select.select([process.stdout], [], [], 0.2)[0]:
            data = os.read(process.stdout.fileno(), 65536)
            assert data, output
            output += data.decode()
    return output
