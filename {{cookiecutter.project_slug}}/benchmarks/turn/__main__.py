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
ONE, MANY, STREAMS = 400, 1600, 400
SLOW_SECONDS = 99 * 0.05  # of a slow answer, from its first token to its last
_QUESTION = b"At what pressure does valve 7 of plant 3 open?"
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
    settings |= {"CHATBOT_LIMITS__MAX_REQUESTS_PER_PERSON": "1000"}
    settings |= {"CHATBOT_LIMITS__STANDING_SECONDS": "4"}  # as it is unless set
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
    lanes = [_turn(person) for _ in range(64)]
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
    _think(person, relay_port, model_port)
    _hold(person, everything)
    memory = psutil.Process(stack.processes["gateway"].pid).memory_full_info().uss / 1e6
    print(f"\ngateway: {memory:.0f} MB of its own after the run")


def _think(person: Person, relay_port: int, model_port: int) -> None:
    """Measure behind a model that takes 100 ms to its first token: what is done meanwhile costs nobody anything."""
    text = b"Think first: at what pressure does valve 7 of plant 3 open?"
    direct = Request(model_port, _head("/v1/chat/completions"), b'{"messages":["%b"]}' % text, b"Token", b"[DONE]")
    bare = Request(relay_port, _head("/chat"), b'{"question":"%b"}' % text, b"Token", b"[DONE]")
    zero = statistics.median(asyncio.run(run_load([direct], 20)).first)
    for name, request in (("bare relay", bare), ("turn", _turn(person, text))):
        first = sorted(asyncio.run(run_load([request], 60)).first)
        p50, p95 = ((value - zero) * 1000 for value in (first[30], first[57]))
        print(f"{name + ', model thinks 100 ms':34}{p50:16.2f}{p95:8.2f}")


def _hold(person: Person, processes: "list[subprocess.Popen[bytes]]") -> None:
    """Measure answers that come slowly, all at once. A single one that breaks off ends the run."""
    requests = [_turn(person, b"Go slowly: at what pressure does valve 7 open?") for _ in range(STREAMS)]
    cpu = _cpu(processes)
    timings = asyncio.run(run_load(requests, STREAMS))
    used = (_cpu(processes) - cpu) / STREAMS
    late = [whole - first - SLOW_SECONDS for whole, first in zip(timings.whole, timings.first, strict=True)]
    print(f"\n{STREAMS} answers at once of 20 tokens a second, p95: first token {_p95(timings.first):.0f} ms,")
    print(
        f"longest pause {_p95(timings.pause):.0f} ms, end late by {_p95(late):.0f} ms; {used / 100 * 1000:.0f} µs CPU a token"
    )


def _p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)] * 1000


def _turn(person: Person, text: bytes = _QUESTION, *, search: bool = False) -> Request:
    conversation = person.begin()
    cookie = "; ".join(f"{name}={value}" for name, value in person.cookies.items())
    head = _head(
        f"/api/v1/conversations/{conversation}/turns",
        f"origin: {person.stack.url}\r\nx-csrf-token: {person.csrf}\r\ncookie: {cookie}\r\n",
        host=person.stack.url.removeprefix("http://"),
    )
    body = b'{"question":"%b"%b}' % (text, b"" if search else b',"search":false')
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
