"""An MCP server on loopback that does what it likes: raw HTTP, no library, every bad manner on request."""

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Behaviour = Callable[[BaseHTTPRequestHandler, dict[str, Any]], None]
SCHEMA = {"type": "object", "properties": {}, "additionalProperties": False}


class HostileTools:
    """Lists `tools` and answers every call with `content`, unless `listing` or `calling` does something worse."""

    def __init__(self) -> None:
        self.reset()
        double = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle(self) -> None:
                with suppress(OSError):  # a client that had enough resets the connection
                    super().handle()

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["content-length"])))
                double.requests.append(request)
                double.headers.append({name.lower(): value for name, value in self.headers.items()})
                calling = request["method"] == "tools/call"
                try:
                    (double.calling if calling else double.listing)(self, request)
                except OSError:  # the client had enough
                    double.hung_up.set()
                    self.close_connection = True

            def do_GET(self) -> None:
                double.strays.append(f"{self.command} {self.path}")
                self.send_error(404)

            do_DELETE = do_GET

            def log_message(self, *_arguments: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/mcp"

    def reset(self) -> None:
        self.tools: list[dict[str, Any]] = [tool("probe")]
        self.content: list[dict[str, Any]] = [{"type": "text", "text": "Fine."}]
        self.listing: Behaviour = self.list_tools
        self.calling: Behaviour = self.answer
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.strays: list[str] = []  # what was asked for besides the one address
        self.hung_up = threading.Event()
        self.release = threading.Event()

    def list_tools(self, handler: BaseHTTPRequestHandler, request: dict[str, Any]) -> None:
        reply(handler, request, {"tools": self.tools, "resultType": "complete", "ttlMs": 0, "cacheScope": "private"})

    def answer(self, handler: BaseHTTPRequestHandler, request: dict[str, Any]) -> None:
        reply(handler, request, {"content": self.content, "isError": False, "resultType": "complete"})

    @property
    def calls(self) -> list[dict[str, Any]]:
        return [request["params"] for request in self.requests if request["method"] == "tools/call"]

    def close(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def tool(name: str, description: str = "Probes.", **more: Any) -> dict[str, Any]:
    return {"name": name, "description": description, "inputSchema": SCHEMA, **more}


def reply(handler: BaseHTTPRequestHandler, request: dict[str, Any], result: dict[str, Any]) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}).encode()
    send(handler, 200, "application/json", body)


def send(handler: BaseHTTPRequestHandler, status: int, kind: str, body: bytes, **headers: str) -> None:
    handler.send_response(status)
    handler.send_header("content-type", kind)
    handler.send_header("content-length", str(len(body)))
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def stream_for_ever(handler: BaseHTTPRequestHandler, kind: str, piece: bytes, pause: threading.Event) -> None:
    """Send pieces until the client hangs up; a slow drip when `pause` makes it wait."""
    handler.send_response(200)
    handler.send_header("content-type", kind)
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    while not pause.wait(0.01 if len(piece) < 100 else 0):
        handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        handler.wfile.flush()
