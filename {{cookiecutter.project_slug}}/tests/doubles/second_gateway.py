"""Another gateway process beside a stack's own: the same database, the same Valkey, another port."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2

from development.processes import end_child
from development.stack import PROJECT, Stack


@contextmanager
def second_gateway(stack: Stack, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Run it; whoever asks it must name the stack's own host."""
    own = stack.environment("gateway")  # one port for services is enough
    environment = {name: value for name, value in own.items() if not name.startswith("CHATBOT_MTLS__")}
    environment["CHATBOT_GATEWAY__PORT"] = str(port)
    with open(stack.places.logs / "gateway-2.log", "ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "chatbot", "run", "gateway"], cwd=PROJECT, env=environment, stdout=log, stderr=log
        )
    try:
        headers = {"host": stack.url.removeprefix("http://")}
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                if httpx2.get(f"http://127.0.0.1:{port}/readyz", headers=headers, trust_env=False).status_code == 200:
                    break
            except httpx2.TransportError:
                time.sleep(0.05)  # polling a server's start
        yield process
    finally:
        end_child(process, signal.SIGTERM)
