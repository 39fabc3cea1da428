"""What a turn costs: added first-token time and CPU a chat, beside a bare relay, in one run.

One core serves (gateway, PostgreSQL, Valkey; or the relay), the other loads and is the model.
"""

import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

from benchmarks.turn.load import Request, Timings, run_load
from development.stack import Stack
from tests.conftest import BOUNDLESS, free_port, make_state
from tests.doubles.person import Person

HERE = Path(__file__).parent
ONE, MANY = 400, 1600
SCOPES = ("user", "key", "tenant", "all")
UNREACHED = {
    "tokens": {"minute": 10**12, "day": 10**12, "month": 10**12},
    "money": {"minute": 10**6, "day": 10**6, "month": 10**6},
}


def main() -> None:
    serving, loading = ({0}, {1}) if (os.cpu_count() or 1) > 1 else ({0}, {0})
    os.sched_setaffinity(0, loading)
    model_port, relay_port = free_port(), free_port()
    settings = {"CHATBOT_MODEL__BASE_URL": f"http://127.0.0.1:{model_port}/v1", "CHATBOT_MODEL__NAME": "mock"}
    # every limit is counted and none is reached: one person asks what a thousand would
    settings |= BOUNDLESS | {"CHATBOT_LIMITS__BUDGETS": json.dumps({scope: UNREACHED for scope in SCOPES})}
    settings |= {"CHATBOT_LIMITS__PRICES": json.dumps({"mock": {"input": 2.5, "output": 10}})}
    model = subprocess.Popen([sys.executable, HERE / "mock_model.py", str(model_port)])
    os.sched_setaffinity(0, serving)
    relay = subprocess.Popen([sys.executable, HERE / "bare_relay.py", str(relay_port), str(model_port)])
    state = make_state()
    try:
        with Stack(state, say=lambda line: None, settings=settings) as stack:
            os.sched_setaffinity(0, loading)
            measure(stack, relay, relay_port, model_port)
    finally:
        for process in (relay, model):
            process.terminate()
            process.wait()
        shutil.rmtree(state, ignore_errors=True)


def measure(stack: Stack, relay: "subprocess.Popen[bytes]", relay_port: int, model_port: int) -> None:
    person = Person(stack).sign_in("alice")
    for number in range(12):
        text = "\n\n".join(f"## Part {n}\n\nThe valve {n} of plant {number} opens at {n} bar." for n in range(20))
        person.upload(f"plant{number}.md", f"# Plant {number}\n\n{text}")
    direct = Request(model_port, _head("/v1/chat/completions"), b'{"messages":[]}', b"Token", b"[DONE]")
    bare = Request(relay_port, _head("/chat"), b'{"question":"Hello?"}', b"Token", b"[DONE]")
    lanes = [_turn(person, search=False) for _ in range(64)]
    searching = [_turn(person, search=True) for _ in range(16)]
    everything = [process for name, process in stack.processes.items() if name in ("gateway", "database", "state")]

    base = asyncio.run(run_load([direct], ONE))
    zero = statistics.median(base.first)
    print(f"{'':34}{'added first token ms':>24}{'added whole ms':>16}{'CPU ms a chat':>15}{'chats/s':>10}")
    print(f"{'':34}{'p50':>16}{'p95':>8}")
    for name, requests, processes in (
        ("bare relay", [bare], [relay]),
        ("turn", lanes[:1], everything),
        ("turn with retrieval", searching[:1], everything),
    ):
        asyncio.run(run_load(requests, 50))  # warm
        cpu = _cpu(processes)
        timings = asyncio.run(run_load(requests, ONE))
        _row(name, timings, zero, statistics.median(base.whole), (_cpu(processes) - cpu) / ONE)
    for name, requests, processes in (
        ("bare relay, 16 at once", [bare] * 16, [relay]),
        ("turn, 16 at once", lanes[:16], everything),
        ("turn, 64 at once", lanes, everything),
        ("turn with retrieval, 16 at once", searching, everything),
    ):
        cpu = _cpu(processes)
        timings = asyncio.run(run_load(requests, MANY))
        _row(name, timings, zero, statistics.median(base.whole), (_cpu(processes) - cpu) / MANY)
    memory = psutil.Process(stack.processes["gateway"].pid).memory_full_info().uss / 1e6
    print(f"\ngateway: {memory:.0f} MB of its own after the run")


def _turn(person: Person, *, search: bool) -> Request:
    conversation = person.begin()
    cookie = "; ".join(f"{name}={value}" for name, value in person.cookies.items())
    head = _head(
        f"/api/v1/conversations/{conversation}/turns",
        f"origin: {person.stack.url}\r\nx-csrf-token: {person.csrf}\r\ncookie: {cookie}\r\n",
        host=person.stack.url.removeprefix("http://"),
    )
    body = b'{"question":"At what pressure does valve 7 of plant 3 open?"%b}' % (b"" if search else b',"search":false')
    return Request(person.stack.port, head, body, b"Token", b"event: end")


def _head(path: str, more: str = "", host: str = "127.0.0.1") -> bytes:
    return f"POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n{more}".encode()


def _cpu(processes: list["subprocess.Popen[bytes]"]) -> float:
    """Return the milliseconds that the processes and their children have used."""
    total = 0.0
    for process in processes:
        family: Callable[[], list[psutil.Process]] = psutil.Process(process.pid).children
        for member in [psutil.Process(process.pid), *family()]:
            used = member.cpu_times()
            total += used.user + used.system
    return total * 1000


def _row(name: str, timings: Timings, zero: float, whole: float, cpu: float) -> None:
    first = sorted(timings.first)
    p50, p95 = first[len(first) // 2] - zero, first[int(len(first) * 0.95)] - zero
    added = statistics.median(timings.whole) - whole
    rate = len(first) / timings.elapsed
    print(f"{name:34}{p50 * 1000:16.2f}{p95 * 1000:8.2f}{added * 1000:16.2f}{cpu:15.2f}{rate:10.0f}")


if __name__ == "__main__":
    main()
