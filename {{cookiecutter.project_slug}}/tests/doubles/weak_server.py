"""A deliberately weak chatbot with an OpenAI-compatible interface: each hole can be opened by name.

With no hole open it holds against every attack of the kit; so each hole is what the kit has to find.
"""

import json
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

KEY = "sk-weak-server-genuine"
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'"
HOLES = (
    "content policy", "framing", "sniffing", "another origin", "another host", "cookies", "open redirect", "reflected markup",
    "no key", "made-up key", "key in the address", "named identity", "spelling of a path", "inside places",
    "malformed requests", "huge question", "surplus fields", "reaching out",
)  # fmt: skip
_FIELDS = {"model", "messages", "temperature", "max_tokens", "n", "stream"}


class WeakServer:
    """Serves on a random port of this machine with the given holes open."""

    def __init__(self, *holes: str) -> None:
        unknown = set(holes) - set(HOLES)
        assert not unknown, unknown
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.holes = frozenset(holes)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "WeakServer":
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_arguments: object) -> None:
        return

    def has(self, hole: str) -> bool:
        return hole in self.server.holes

    def answer(self, status: int, body: str, kind: str = "application/json", **headers: str) -> None:
        raw = body.encode("utf-8", "replace")
        self.send_response(status)
        sent = {"content-type": kind, "content-length": str(len(raw))}
        if not self.has("sniffing"):
            sent["x-content-type-options"] = "nosniff"
        if kind == "text/html" and not self.has("content policy"):
            sent["content-security-policy"] = POLICY if not self.has("framing") else POLICY.partition("; frame")[0]
        elif kind == "text/html":
            sent |= {"content-security-policy": "script-src 'self' 'unsafe-inline'", "x-frame-options": "DENY"}
        if self.has("another origin") and "origin" in self.headers:
            sent |= {"access-control-allow-origin": self.headers["origin"], "access-control-allow-credentials": "true"}
        for name, value in (sent | {key.replace("_", "-"): value for key, value in headers.items()}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def do_GET(self) -> None:
        self.work(b"")

    do_OPTIONS = do_DELETE = do_GET

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", 0))
        if length > 100_000 and not self.has("huge question"):
            while length > 0 and (piece := self.rfile.read(min(length, 65536))):
                length -= len(piece)
            return self.answer(413, '{"error":"too large"}')
        self.work(self.rfile.read(length))

    def work(self, body: bytes) -> None:
        address = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        path = unquote(address.path) if self.has("spelling of a path") else address.path
        if self.has("spelling of a path"):
            path = path.split(";")[0].rstrip("/").lower() or "/"
        if path.startswith("/v1/"):
            return self.interface(path, query, body)
        if path == "/docs" and self.has("inside places"):
            return self.answer(200, "<title>Swagger UI</title>", "text/html")
        if path == "/proxy" and self.has("reaching out") and "url" in query:
            with urllib.request.urlopen(query["url"], timeout=5):
                return self.answer(200, "{}")
        if path == "/login":
            return self.login(query)
        if path != "/":
            return self.answer(404, '{"error":"not found"}')
        host = self.headers["host"] if self.has("another host") else "the right host"
        shown = query.get("q", "") if self.has("reflected markup") else ""
        self.answer(200, f'<a href="/login">Sign in</a> to {host}<p>{shown}</p>', "text/html")

    def login(self, query: dict[str, str]) -> None:
        after = query.get("next", "/") if self.has("open redirect") else "/"
        cookie = (
            "session=1; Path=/; HttpOnly; Secure; SameSite=None"
            if self.has("cookies")
            else "session=1; Path=/; HttpOnly; SameSite=Lax; Secure"
        )
        self.answer(303, "", location=after, set_cookie=cookie)

    def knows(self, query: dict[str, str]) -> bool:
        given = self.headers.get("authorization", "").removeprefix("Bearer ")
        return (
            given == KEY
            or self.has("no key")
            or (self.has("made-up key") and "'" in given)
            or (self.has("key in the address") and query.get("api_key") == KEY)
            or (self.has("named identity") and "x-forwarded-user" in self.headers)
            or (self.has("spelling of a path") and self.path != "/v1/models" and "models" in self.path)
        )

    def interface(self, path: str, query: dict[str, str], body: bytes) -> None:
        if self.command == "POST" and self.has("malformed requests"):
            try:
                json.loads(body)
            except ValueError as error:
                return self.answer(400, json.dumps({"error": f'File "/srv/chat/app.py", line 7: {error!r}'}))
        if not self.knows(query):
            return self.answer(401, '{"error":"no key"}')
        if path == "/v1/models":
            return self.answer(200, '{"object":"list","data":[]}')
        if path != "/v1/chat/completions" or self.command != "POST":
            return self.answer(404, '{"error":"not found"}')
        self.complete(body)

    def complete(self, body: bytes) -> None:
        try:
            asked: Any = json.loads(body)
            messages = asked["messages"]
            surplus = set(asked) - _FIELDS
            contents = [message["content"] for message in messages]
        except (ValueError, TypeError, KeyError, RecursionError):
            return self.answer(400, '{"error":"malformed"}')
        if surplus and not self.has("surplus fields"):
            return self.answer(400, '{"error":"unknown field"}')
        if self.has("reaching out"):
            for part in (part for content in contents if isinstance(content, list) for part in content):
                if "image_url" in part:
                    with urllib.request.urlopen(part["image_url"]["url"], timeout=5):
                        pass
        self.answer(200, '{"choices":[]}')
