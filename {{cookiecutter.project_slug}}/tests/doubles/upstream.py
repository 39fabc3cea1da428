"""An OpenAI-compatible endpoint on loopback that says what it is told to: the fully gullible, or hostile, model."""

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class ScriptedModel:
    """Answers `POST /v1/chat/completions` and `GET /v1/models`. Set `pieces`, `rounds`, or `behave` for anything worse.

    A round is what one request is answered with: a list of tool calls (name, arguments), or text. After the
    last one, `pieces` are said.
    """

    def __init__(self) -> None:
        self.pieces: list[str] = ["Hello."]
        self.rounds: list[str | list[tuple[str, str]]] = []
        self.behave: Callable[[BaseHTTPRequestHandler], None] | None = None
        self.models: list[str] = ["scripted"]
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        model = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                model.requests.append(json.loads(body))
                model.headers.append(dict(self.headers))
                (model.behave or model.stream)(self)

            def do_GET(self) -> None:
                model.headers.append(dict(self.headers))
                send_json(self, 200, {"object": "list", "data": [{"id": name} for name in model.models]})

            def log_message(self, *_arguments: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def reset(self) -> None:
        self.pieces, self.behave = ["Hello."], None
        self.rounds = []
        self.requests.clear()
        self.headers.clear()

    def stream(self, handler: BaseHTTPRequestHandler) -> None:
        begin_stream(handler)
        said = self.rounds.pop(0) if self.rounds else self.pieces
        if isinstance(said, list) and said and isinstance(said[0], tuple):
            for index, (name, arguments) in enumerate(said):
                send_tool_call(handler, index, name, arguments)
        else:
            for piece in said:
                send_piece(handler, piece)
        end_stream(handler)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def send_json(handler: BaseHTTPRequestHandler, status: int, value: object) -> None:
    body = json.dumps(value).encode()
    handler.send_response(status)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def begin_stream(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("content-type", "text/event-stream")
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()


def send_piece(handler: BaseHTTPRequestHandler, piece: str) -> None:
    event = {"choices": [{"index": 0, "delta": {"content": piece}}]}
    send_raw(handler, b"data: " + json.dumps(event).encode() + b"\n\n")


def send_tool_call(handler: BaseHTTPRequestHandler, index: int, name: str, arguments: str) -> None:
    """Send a call as endpoints do: its name first, its arguments in pieces."""
    size = max(1, len(arguments) // 3)
    pieces = [arguments[start : start + size] for start in range(0, len(arguments), size)]
    first = {"index": index, "id": f"call_{index}", "type": "function", "function": {"name": name, "arguments": ""}}
    send_delta(handler, {"tool_calls": [first]})
    for piece in pieces:
        send_delta(handler, {"tool_calls": [{"index": index, "function": {"arguments": piece}}]})


def send_delta(handler: BaseHTTPRequestHandler, delta: dict[str, Any]) -> None:
    event = {"choices": [{"index": 0, "delta": delta}]}
    send_raw(handler, b"data: " + json.dumps(event).encode() + b"\n\n")


def send_raw(handler: BaseHTTPRequestHandler, data: bytes) -> None:
    handler.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
    handler.wfile.flush()


def talk_on(handler: BaseHTTPRequestHandler) -> None:
    """Say a word again and again until the client hangs up."""
    begin_stream(handler)
    try:
        while True:
            send_piece(handler, "word ")
            time.sleep(0.01)  # the pace of a model; nothing waits for it
    except OSError:
        return


def end_stream(handler: BaseHTTPRequestHandler) -> None:
    send_raw(handler, b"data: [DONE]\n\n")
    handler.wfile.write(b"0\r\n\r\n")
