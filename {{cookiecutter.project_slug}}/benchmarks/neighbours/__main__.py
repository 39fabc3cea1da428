"""The worst neighbour: what the dearest allowed acts of one account, or one address, do to another tenant.

For each act: how long another tenant's requests take meanwhile, how much the gateway grows, and when another tenant's
one-line document is ready. The stack runs as it is by default, but that rates and budgets are never reached.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import psutil

from benchmarks.neighbours.acts import ACTS
from development.stack import Stack
from tests.conftest import BOUNDLESS, free_port, make_state
from tests.doubles.database import connect, principal_of
from tests.doubles.person import Person

SECONDS = 6.0  # of each act
ROOT = Path(__file__).parents[2]
_PAUSE = 0.03  # between two requests of the neighbour
_BACK_SECONDS = 3.0  # for the gateway to be itself again
_MESSAGES = """
insert into chatbot.messages (id, tenant_id, user_id, conversation_id, parent_id, author, content)
overriding system value
select %(first)s + n, %(tenant)s, %(user)s, %(id)s, nullif(%(first)s + n - 1, %(first)s),
       case n %% 2 when 1 then 'user' else 'assistant' end, left(repeat(%(unit)s, %(characters)s), %(characters)s)
  from generate_series(1, %(count)s) as n
"""
_DOCUMENTS = """
insert into chatbot.documents (tenant_id, owner_id, shared, title, media_type, sha256, size, status)
select %(tenant)s, %(user)s, false, repeat('Größe ', 30), 'text/plain', sha256(''), 1, 'ready' from generate_series(1, 500)
"""
_CONVERSATIONS = """
insert into chatbot.conversations (tenant_id, user_id, title)
select %(tenant)s, %(user)s, repeat('Größe ', 16) from generate_series(1, 200)
"""


def main() -> None:
    """Run every act and print the table."""
    model_port, state = free_port(), make_state()
    settings = BOUNDLESS | {"CHATBOT_MODEL__BASE_URL": f"http://127.0.0.1:{model_port}/v1"}
    settings |= {"CHATBOT_MODEL__NAME": "mock", "CHATBOT_LIMITS__MOST_ANSWERS_EACH": "16"}
    settings |= {"CHATBOT_LIMITS__STANDING_SECONDS": "4"}  # as it is unless set
    model = subprocess.Popen([sys.executable, "-m", "benchmarks.neighbours.model", str(model_port)], cwd=ROOT)
    try:
        with Stack(state, say=lambda line: None, settings=settings) as stack:
            measure(stack)
    finally:
        model.terminate()
        model.wait()
        shutil.rmtree(state, ignore_errors=True)


def measure(stack: Stack) -> None:
    """Print a row for each act."""
    attacker, neighbour = Person(stack).sign_in("alice"), Person(stack).sign_in("grace")
    account = prepare(stack, attacker)
    neighbour.upload("warm.md", "One line.")
    for name in ("lists", "answers"):  # what is only made at the first burst after a start: connections, above all
        with acting(name, account):
            time.sleep(SECONDS / 2)
    print(f"load of the machine before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    print(
        "| one account's act | another tenant's request, ms: median | worst | gateway grows, MB | document ready, s |"
    )
    print("|---|---|---|---|---|")
    for name, (words, _) in ACTS.items():
        watch = Watch(stack, neighbour)
        with acting(name, account):
            watch.run(SECONDS)
        print(f"| {words} | {watch.row()} |", flush=True)
        watch.wait_until_idle()


def prepare(stack: Stack, person: Person) -> str:
    """Return the attacker's account as JSON, with conversations that only many days would fill."""
    who = principal_of(person, "acme")
    fresh = [person.begin() for _ in range(16)]
    kept = {"shown": ("|a|b\n|-|-\n", 60_000, 200), "exported": ("> > > > - a\n", 2000, 10_000), "marks": ("\u0316\u0300", 8000, 2000)}  # fmt: skip
    ids = {name: person.begin() for name in kept}
    with connect(stack, "bootstrap") as outside:
        for statement in (_DOCUMENTS, _CONVERSATIONS):
            outside.execute(statement, {"tenant": who.tenant_id, "user": who.user_id})
        for number, (name, (unit, characters, count)) in enumerate(kept.items(), start=1):
            given = {"tenant": who.tenant_id, "user": who.user_id, "id": ids[name], "unit": unit, "count": count}
            outside.execute(
                "update chatbot.conversations set title = %(id)s where id = %(id)s::uuid", {"id": ids[name]}
            )
            outside.execute(_MESSAGES, given | {"first": number * 10**9, "characters": characters})
        outside.execute("analyze chatbot.messages")
    cookie = "; ".join(f"{name}={value}" for name, value in person.cookies.items())
    host = stack.url.removeprefix("http://")
    found = {"port": stack.port, "host": host, "cookie": cookie, "csrf": person.csrf, "fresh": fresh}
    return json.dumps(found | {name: ids[name] for name in ("exported", "shown")})


@contextmanager
def acting(name: str, account: str) -> Iterator[None]:
    """Let an act go on in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.neighbours.acts", name]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True)
    assert process.stdin
    assert process.stdout
    process.stdin.write(account)
    process.stdin.close()
    process.stdout.readline()  # on a busy machine an interpreter takes seconds to begin
    try:
        yield
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


class Watch:
    """What another tenant, and the operator, see of an act."""

    def __init__(self, stack: Stack, neighbour: Person) -> None:
        self._gateway = psutil.Process(stack.processes["gateway"].pid)
        self._neighbour = neighbour
        self._uploading = Person(stack)
        self._uploading.cookies, self._uploading.csrf = dict(neighbour.cookies), neighbour.csrf
        self._before = self._peak = self._size()
        self._took: list[float] = []
        self._ready: float | None = None

    def run(self, seconds: float) -> None:
        """Watch for so long."""
        end = time.perf_counter() + seconds
        document = threading.Thread(target=self._upload, args=(end,))
        document.start()
        while time.perf_counter() < end:
            self._took.append(self._ask())
            self._peak = max(self._peak, self._size())
            time.sleep(_PAUSE)  # the pace of measuring
        document.join()

    def row(self) -> str:
        """Return the measured cells."""
        ready = f"{self._ready:.1f}" if self._ready is not None else f"more than {SECONDS:.0f}"
        grown = (self._peak - self._before) / 1e6
        return f"{median(self._took) * 1000:.0f} | {max(self._took) * 1000:.0f} | {grown:.0f} | {ready}"

    def wait_until_idle(self) -> None:
        """Wait until requests are quick again, within bounds: the next act must not pay for this one."""
        end = time.perf_counter() + _BACK_SECONDS
        while time.perf_counter() < end and self._ask() > 0.03:
            time.sleep(_PAUSE)  # the pace of measuring

    def _ask(self) -> float:
        started = time.perf_counter()
        self._neighbour.get("/api/v1/conversations")
        return time.perf_counter() - started

    def _size(self) -> int:
        return int(self._gateway.memory_full_info().pss)

    def _upload(self, end: float) -> None:
        """Upload one line when the act is under way, and see when it is ready."""
        time.sleep(1)  # the act begins
        started = time.perf_counter()
        answer = self._uploading.post("/api/v1/documents", params={"name": "line.md"}, content=b"One line.")
        if answer.status_code != 202:
            return
        identifier = answer.json()["id"]
        while self._ready is None and time.perf_counter() < end:
            found = {each["id"]: each["status"] for each in self._uploading.get("/api/v1/documents").json()}
            if found.get(identifier) == "ready":
                self._ready = time.perf_counter() - started
            time.sleep(0.1)  # polling a server's state


if __name__ == "__main__":
    main()
