"""An identity provider on loopback that publishes the keys it is told to, counts who asks, and can be slow or mad."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs


class ScriptedProvider:
    """Answers discovery, keys and introspection. `behave` takes the answer of a path over."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = []
        self.active: dict[str, dict[str, Any]] = {}
        self.more: dict[str, Any] = {}
        self.behave: Callable[[BaseHTTPRequestHandler], None] | None = None
        self.asked: Counter[str] = Counter()
        self.forms: list[dict[str, list[str]]] = []
        self.authorizations: list[str] = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked[self.path] += 1
                (provider.behave or provider.answer)(self)

            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
                provider.forms.append(form)
                provider.authorizations.append(self.headers["authorization"])
                self.form = form
                self.do_GET()

            def log_message(self, *_arguments: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        documents: dict[str, Any] = {
            "/.well-known/openid-configuration": {
                "issuer": self.issuer,
                "jwks_uri": f"{self.issuer}/jwks",
                "introspection_endpoint": f"{self.issuer}/introspect",
            }
            | self.more,
            "/jwks": {"keys": self.keys},
        }
        if handler.path == "/introspect":
            send(handler, self.active.get(handler.form["token"][0], {"active": False}))  # type: ignore[attr-defined]
        else:
            send(handler, documents[handler.path])

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def send(handler: BaseHTTPRequestHandler, document: Any, status: int = 200) -> None:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    handler.send_response(status)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
