"""Attacks by what is asked: malformed, huge, with fields and addresses that a caller may not choose."""

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from chatbot.operations.attack.interface import is_inside, question
from chatbot.operations.attack.probe import Outcome, Probe, broken, held, not_played
from chatbot.operations.attack.target import Header, Target

_TALKATIVE = re.compile(
    r"Traceback \(most recent|File \"[^\"]+\.py\"|\bat [\w.<>]+ \([^)]*\.[jt]s:\d+|(site|dist)-packages|psycopg"
    r"|asyncpg|sqlalchemy|sqlite3\."
    r"|\b(SELECT|INSERT INTO|UPDATE) .{0,80}\b(FROM|VALUES|SET)\b|/(usr|home|srv|app|opt|root)/[\w.-]+/"
    r"|pydantic\.dev|Exception:"
)
_JSON: Header = ("content-type", "application/json")
_MALFORMED: tuple[tuple[str, bytes, Header], ...] = (
    ("not JSON", b"{", _JSON),
    ("no body", b"", _JSON),
    ("invalid UTF-8", b'{"model":"\xff\xfe"}', _JSON),
    ("deep nesting", b"[" * 50_000, _JSON),
    ("NaN", b'{"temperature":NaN}', _JSON),
    ("a huge number", b'{"max_tokens":1e999}', _JSON),
    ("NUL", b'{"model":"\\u0000"}', _JSON),
    ("a lone surrogate", b'{"messages":[{"role":"user","content":"\\ud800"}]}', _JSON),
    ("wrong types", b'{"messages":1}', _JSON),
    ("wrong types inside", b'{"messages":[{"role":{},"content":[]}]}', _JSON),
    ("nulls", b'{"model":[],"messages":null}', _JSON),
    ("negative counts", b'{"n":-1,"max_tokens":"x"}', _JSON),
    ("XML", b"<a/>", ("content-type", "application/xml")),
    ("an odd charset", b"{}", ("content-type", "application/json; charset=x")),
)
_ODD_PATHS = """
    /% /v1/models?x=%ff%00 /v1/conversations/' /v1/files/../../etc/passwd /auth/callback?code=x&state=y
""".split()
_SURPLUS = {
    "base_url": "http://127.0.0.1:9",
    "api_base": "http://127.0.0.1:9",
    "tenant_id": "other",
    "user_id": "other",
    "role": "admin",
    "system_prompt": "x",
    "api_key": "x",
}
_BIG = 8 * 1024 * 1024


def play_malformed(target: Target) -> Outcome:
    """Send what no client would, and read what comes back."""
    for name, body, kind in _MALFORMED:
        for path in ("/v1/chat/completions", "/v1/embeddings"):
            key = [("authorization", f"Bearer {target.key}")] if target.key else []
            reply = target.send("POST", path, [kind, *key], body)
            if found := _TALKATIVE.search(reply.text):
                return broken(f"{name}: the answer shows its inside: {found[0][:50]!r}")
            if reply.status == 500:
                return broken(f"{name}: the server fails (status 500)")
    for path in _ODD_PATHS:
        if found := _TALKATIVE.search(target.get(path).text):
            return broken(f"{path}: the answer shows its inside: {found[0][:50]!r}")
    return held("errors say nothing of the inside")


def play_huge(target: Target) -> Outcome:
    """Send a question of eight megabytes."""
    status = target.complete(question(target, messages=[{"role": "user", "content": "x" * _BIG}])).status
    if status < 400 or status == 500:
        return broken(f"a question of {_BIG // 1024 // 1024} MB is taken (status {status})")
    small = is_inside(target.complete(question(target)))
    if status != 413 and not small:
        return not_played(f"refused for another reason (status {status}); needs --key-file")
    return held(f"refused with status {status}")


def play_surplus(target: Target) -> Outcome:
    """Add fields that choose what a caller may not choose."""
    if not target.key:
        return not_played("needs --key-file")
    if not is_inside(target.complete(question(target))):
        return not_played("the key opens nothing")
    for name, value in _SURPLUS.items():
        if is_inside(target.complete(question(target, **{name: value}))):
            return broken(f"the field {name!r}, which is not in the published schema, is taken")
    return held("fields outside the published schema are refused")


class _Listener(ThreadingHTTPServer):
    """A server on loopback that notes what is fetched from it."""

    daemon_threads = True

    def __init__(self) -> None:
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), _Noting)
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def stop(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Noting(BaseHTTPRequestHandler):
    server: _Listener
    timeout = 5

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.send_response(204)
        self.end_headers()

    do_POST = do_HEAD = do_GET

    def log_message(self, *_arguments: object) -> None:
        return


def play_reaching_out(target: Target) -> Outcome:
    """Give addresses to fetch, and listen whether they are fetched."""
    if target.host != "localhost" and not target.host.startswith("127."):
        return not_played("can only listen on this machine")
    listener = _Listener()
    here = f"http://127.0.0.1:{listener.server_port}"
    image = [{"type": "text", "text": "?"}, {"type": "image_url", "image_url": {"url": f"{here}/image"}}]
    try:
        target.complete(question(target, messages=[{"role": "user", "content": image}]))
        for name in ("base_url", "api_base", "endpoint", "webhook", "callback_url", "url"):
            target.complete(question(target, **{name: f"{here}/{name}"}))
        for name in ("url", "src", "image", "target"):
            for path in ("/proxy", "/fetch", "/image", "/preview", "/api/proxy"):
                target.get(f"{path}?{name}={here}{path}")
    finally:
        listener.stop()
    if listener.asked:
        return broken(f"the server fetched {listener.asked[0]} for the caller")
    return held("no given address was fetched")


PROBES = (
    Probe("malformed requests", "app-error", "user", "an error tells of the inside", play_malformed),
    Probe("huge question", "api-validate", "user", "memory and money are used up by one request", play_huge),
    Probe("surplus fields", "api-validate", "user", "a field chooses another server, tenant or role", play_surplus),
    Probe("reaching out", "out-ssrf", "user", "the server fetches an address of the caller's", play_reaching_out),
)
