"""`chatbot attack`: finds each planted hole, none in the running product, and touches nobody who was not named."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chatbot.operations.attack.pages import _policy, _weakness
from chatbot.operations.attack.probe import Probe, Verdict
from chatbot.operations.attack.run import PROBES, attack, play
from chatbot.operations.attack.target import NotPermitted, Reply, Target, Unreachable, check_permission
from development.stack import PROJECT, Stack
from tests.doubles.person import Person
from tests.doubles.weak_server import HOLES, KEY, WeakServer

BY_NAME = {probe.name: probe for probe in PROBES}
# an https server is needed to play it; its judgement is tested on its own below
NOT_PLANTED = {"plain transport"}


def outcome(probe: Probe, url: str, key: str = KEY, model: str = "any") -> Verdict:
    target = Target(url, key)
    target.model = model
    try:
        return play(probe, target).verdict
    finally:
        target.close()


def test_every_attack_has_a_planted_hole() -> None:
    assert set(HOLES) | NOT_PLANTED == set(BY_NAME)


@pytest.mark.parametrize("hole", HOLES)
def test_a_planted_hole_is_found(hole: str) -> None:
    with WeakServer(hole) as server:
        assert outcome(BY_NAME[hole], server.url) is Verdict.BROKEN


@pytest.mark.parametrize("name", HOLES)
def test_a_server_without_holes_holds(name: str) -> None:
    with WeakServer() as server:
        assert outcome(BY_NAME[name], server.url) is Verdict.HELD


@pytest.fixture
def key(alice: Person) -> Iterator[str]:
    made = alice.post("/api/v1/keys", json={"name": "attack", "scopes": ["chat"]}).json()
    yield made["key"]
    alice.change("DELETE", f"/api/v1/keys/{made['id']}")


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_the_running_product_holds(stack: Stack, key: str, name: str) -> None:
    expected = Verdict.NOT_PLAYED if name == "plain transport" else Verdict.HELD
    assert outcome(BY_NAME[name], stack.url, key, "chatbot") is expected


def test_without_a_key_most_can_be_played_too(stack: Stack) -> None:
    unplayed = {name for name, probe in BY_NAME.items() if outcome(probe, stack.url, "") is Verdict.NOT_PLAYED}
    assert unplayed == {"plain transport", "key in the address", "surplus fields", "huge question"}


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "chatbot", "attack", *arguments]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def test_the_command_prints_the_table_and_its_status_tells(stack: Stack, tmp_path: Path) -> None:
    good = run(stack.url)
    assert good.returncode == 0, good.stdout + good.stderr
    assert "0 BROKEN" in good.stdout
    assert good.stdout.count("  held ") > 12
    (tmp_path / "key").write_text(KEY + "\n")
    with WeakServer("cookies", "no key") as server:
        bad = run(server.url + "/v1", "--key-file", str(tmp_path / "key"), "--json")
    found = {row["attack"]: row for row in json.loads(bad.stdout)}
    assert bad.returncode == 1
    assert {name for name, row in found.items() if row["verdict"] == "broken"} == {"cookies", "no key"} | BEHIND_NO_KEY
    assert KEY not in bad.stdout + bad.stderr


# without a key nothing else of the way in can hold
BEHIND_NO_KEY = {"made-up key", "key in the address", "named identity", "spelling of a path"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["http://example.org"], "--i-own"),
        (["http://192.0.2.1"], "--i-own 192.0.2.1"),
        (["http://192.0.2.1", "--i-own", "other.example"], "--i-own 192.0.2.1"),
        (["http://192.0.2.1", "--i-own", "192.0.2.1"], "not confirmed"),
        (["ftp://127.0.0.1"], "http://127.0.0.1:8000"),
        (["http://user:pass@127.0.0.1"], "without credentials"),
        (["127.0.0.1:8000"], "http://127.0.0.1:8000"),
        (["http://127.0.0.1:1"], "does not answer"),
        (["http://127.0.0.1:1", "--key-file", "/nowhere"], "/nowhere"),
    ],
)
def test_what_may_not_be_attacked_is_refused_with_a_reason(arguments: list[str], complaint: str) -> None:
    if "example.org" in arguments[0]:
        arguments = [arguments[0].replace("example.org", "192.0.2.7")]  # tests resolve no names
    done = run(*arguments)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_another_machine_needs_its_name_and_a_confirmation() -> None:
    asked: list[str] = []

    def confirm(answer: bool) -> Callable[[str], bool]:
        return lambda host: asked.append(host) or answer

    for url in ("http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"):
        check_permission(url, [], confirm=confirm(False))
    assert asked == []
    check_permission("https://192.0.2.1", ["192.0.2.1"], confirm=confirm(True))
    assert asked == ["192.0.2.1"]
    with pytest.raises(NotPermitted):
        check_permission("https://192.0.2.1", ["192.0.2.1"], confirm=confirm(False))
    # judged by what is written: no name is resolved, since it could lead elsewhere a moment later
    for host in ("localhost.attacker.example", "127.0.0.1.nip.example", "0.0.0.0", "2130706433", "[::ffff:192.0.2.1]"):
        with pytest.raises(NotPermitted, match="--i-own"):
            check_permission(f"http://{host}", [], confirm=confirm(True))


def test_nothing_that_leads_elsewhere_is_followed() -> None:
    with WeakServer("open redirect", "another host") as server:
        target = Target(server.url)
        try:
            reply = target.get("/login?next=http://192.0.2.1/")
            assert (reply.status, reply.header("location")) == (303, "http://192.0.2.1/")
            for probe in PROBES:
                play(probe, target)
            assert target.sent < 500
        finally:
            target.close()


def test_a_target_that_never_ends_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    target = Target("http://127.0.0.1:1")
    with pytest.raises(Unreachable):
        target.get("/")
    target.close()
    assert attack("http://127.0.0.1:1", [], None, sure=False, as_json=False) == 2
    assert "does not answer" in capsys.readouterr().err


def test_plain_transport_is_judged() -> None:
    probe = BY_NAME["plain transport"]
    target = Target("http://192.0.2.1")  # nothing is sent: the address itself tells
    assert probe.play(target).verdict is Verdict.BROKEN
    target.close()


@pytest.mark.parametrize(
    "policy",
    ["script-src 'UNSAFE-INLINE'; base-uri 'none'", "script-src https://*; base-uri 'none'", "script-src blob:; base-uri 'none'",
     "script-src *; script-src 'self'; base-uri 'none'", "script-src 'self'; script-src-elem * ; base-uri 'none'",
     "script-src 'self'; base-uri *", "script-src 'self'", "style-src 'self'; base-uri 'none'", "default-src 'unsafe-eval'; base-uri 'none'", ""],
)  # fmt: skip
def test_a_policy_is_read_as_a_browser_reads_it(policy: str) -> None:
    assert _weakness(_policy(policy))


@pytest.mark.parametrize(
    "policy",
    [
        "default-src 'none'; script-src 'self'; base-uri 'none'",
        "script-src 'nonce-abc' 'unsafe-inline' https:; base-uri 'self'",
    ],
)
def test_a_sound_policy_is_taken(policy: str) -> None:
    assert _weakness(_policy(policy)) == ""


def served(monkeypatch: pytest.MonkeyPatch, answer: Callable[..., Reply]) -> Target:
    target = Target("http://127.0.0.1:1", KEY)
    monkeypatch.setattr(target, "send", answer)
    return target


def test_what_does_not_exist_was_not_defended(monkeypatch: pytest.MonkeyPatch) -> None:
    target = served(monkeypatch, lambda *_a, **_k: Reply(404, (), b"not here"))
    for name in ("no key", "made-up key", "named identity", "spelling of a path", "huge question"):
        assert play(BY_NAME[name], target).verdict is Verdict.NOT_PLAYED, name
    target.close()


def test_evidence_holds_neither_the_key_nor_a_terminal_s_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    page = f"Traceback (most recent call last): {KEY}".encode()
    cookie = ("set-cookie", "\x1b[2K\x1b[1Asession=1; Path=/")
    target = served(monkeypatch, lambda *_a, **_k: Reply(200, (("content-type", "text/html"), cookie), page))
    for probe in PROBES:
        if probe.name != "reaching out":
            evidence = play(probe, target).evidence
            assert KEY not in evidence
            assert "\x1b" not in evidence
    target.close()


def test_a_compressed_answer_hides_nothing() -> None:
    import gzip
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Compressing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = gzip.compress(b'{"object":"list","data":[]}')
            self.send_response(200)
            self.send_header("content-encoding", "gzip")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Compressing) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            assert outcome(BY_NAME["no key"], f"http://127.0.0.1:{server.server_port}", "") is Verdict.BROKEN
        finally:
            server.shutdown()
            thread.join()
