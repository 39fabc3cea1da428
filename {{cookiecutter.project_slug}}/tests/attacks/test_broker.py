"""The credentials of a Valkey user: forged, changed, replayed and broken jobs (queue-tamper, app-deserialise)."""

import base64
import copy
import json
import pickle
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis

from chatbot.core.principal import Principal
from chatbot.jobs.envelope import HEADER, JobSigner
from chatbot.jobs.message import Message
from development.stack import Stack
from tests.doubles.database import connect, principal_of
from tests.doubles.goal import must_fail
from tests.doubles.person import Person
from tests.doubles.refusals import Refusals
from tests.doubles.stopped import stopped

QUEUE, REFUSED = "jobs:documents", "jobs:refused"


@pytest.fixture
def broker(stack: Stack) -> Iterator["redis.Redis"]:
    """The broker with every right: more than any attacker has."""
    with stack.jobs.connect() as client:
        client.delete(REFUSED)
        yield client


@pytest.fixture
def captured(stack: Stack, alice: Person, broker: "redis.Redis") -> dict[str, Any]:
    """A genuine message, taken from the queue while the worker was stopped; it is never delivered."""
    # one job in the worker's hands at most: what follows stays in the queue
    with stopped(stack):
        for name in ("taken.md", "captured.md"):
            assert alice.post("/api/v1/documents", params={"name": name}, content=b"# T\n\nText.").status_code == 202
        message: dict[str, Any] = json.loads(broker.rpop(QUEUE) or broker.lindex(QUEUE, 0))
    return message


def refusals(broker: "redis.Redis") -> list[dict[str, Any]]:
    return [json.loads(entry) for entry in broker.lrange(REFUSED, 0, -1)]


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.01)  # polling a server's state
    raise AssertionError(what)


def receipts(stack: Stack) -> int:
    with connect(stack, "bootstrap") as connection:
        row = connection.execute("select count(*) from chatbot.job_receipts").fetchone()
    assert row is not None
    return int(row[0])


def send(broker: "redis.Redis", message: Any) -> None:
    broker.lpush(QUEUE, message if isinstance(message, str | bytes) else json.dumps(message))


def worker_still_works(stack: Stack, person: Person, pid: int) -> None:
    document = person.upload("after.md", "# After\n\nStill working.")
    assert person.change("DELETE", f"/api/v1/documents/{document}").status_code == 204
    assert stack.processes["worker"].pid == pid
    assert stack.processes["worker"].poll() is None


def changes() -> dict[str, Callable[[dict[str, Any]], Any]]:
    def header(**values: Any) -> Callable[[dict[str, Any]], Any]:
        return lambda message: message["headers"].update(values)

    def signature(**values: Any) -> Callable[[dict[str, Any]], Any]:
        return lambda message: message["headers"][HEADER].update(values)

    other = base64.b64encode(json.dumps([[], {"job": "x"}, {}]).encode()).decode()
    pickled = base64.b64encode(pickle.dumps({"a": 1})).decode()
    return {
        "task": header(task="celery.backend_cleanup"),
        "unknown task": header(task="no.such.task"),
        "id": header(id="other"),
        "eta": header(eta="2020-01-01T00:00:00+00:00"),
        "retries": header(retries=5),
        "timelimit": header(timelimit=[9, 9]),
        "expires": header(expires="2099-01-01T00:00:00+00:00"),
        "group": header(group="x"),
        "new header": header(stamped_headers=["x"]),
        "body": lambda message: message.update(body=other),
        "pickle": lambda message: message.update(
            {"body": pickled, "content-type": "application/x-python-serialize", "content-encoding": "binary"}
        ),
        "content type": lambda message: message.update({"content-type": "application/x-yaml"}),
        "reply": lambda message: message["properties"].update(reply_to="evil"),
        "correlation": lambda message: message["properties"].update(correlation_id="evil"),
        "unsigned": lambda message: message["headers"].pop(HEADER),
        "producer": signature(producer="worker"),
        "life": signature(expires=9999999999),
        "signature": signature(signature="AAAA"),
        "signature kind": lambda message: message["headers"].update({HEADER: "x"}),
    }


@pytest.mark.parametrize("name", changes())
def test_a_changed_job_never_runs(stack: Stack, broker: Any, captured: dict[str, Any], bob: Person, name: str) -> None:
    worker_still_works(stack, bob, stack.processes["worker"].pid)
    wait_for(lambda: not broker.llen(QUEUE) and not broker.hlen("jobs:unacked"), "the queue is not drained")
    before, pid = receipts(stack), stack.processes["worker"].pid
    message = copy.deepcopy(captured)
    changes()[name](message)
    send(broker, message)
    wait_for(lambda: refusals(broker), "the job was not refused")
    assert receipts(stack) == before
    worker_still_works(stack, bob, pid)


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"not json", b"[1,2]", b"{}", b"null", b"1", b'"x"', b"\xff\xfe\x00", b"[" * 100_000, b"{" + b'"a":{' * 5000,
        b'{"body":"%%","headers":{},"properties":{"delivery_tag":"1","body_encoding":"base64","delivery_info":{"routing_key":"d"}}}',
        b'{"body":"","headers":[],"properties":{"delivery_tag":"1","body_encoding":"base64","delivery_info":{"routing_key":"d"}}}',
        b'{"body":1,"headers":{},"properties":{"delivery_tag":"1","body_encoding":"base64","delivery_info":{"routing_key":"d"}}}',
        b'{"body":"","headers":{},"properties":{"delivery_tag":"1","body_encoding":"nope","delivery_info":{"routing_key":"d"}}}',
        b'{"body":"","headers":{},"properties":{"delivery_tag":"1","body_encoding":"base64","delivery_info":"x"}}',
        b'{"body":"","headers":{},"properties":null}',
        b'{"body":"","headers":{},"properties":{"body_encoding":"base64","delivery_info":{"routing_key":"d"}}}',
        b'{"body":"","headers":{"task":1},"properties":{"body_encoding":"base64","delivery_info":{"routing_key":"d"}},"content-type":1}',
        b'{"body":"' + b"A" * 400_000 + b'"}',
        b'{"body":"","headers":{"x":{"__type__":"decimal","__value__":"abc"}},"properties":{}}',
        b'{"body":{"__type__":"bytes","__value__":5},"headers":{},"properties":{}}',
        b'{"body":"","headers":{"compression":"application/x-bz2"},"properties":{},"content-type":"x","content-encoding":"y"}',
        b'{"body":"","headers":{"x":' + b"[" * 900 + b"]" * 900 + b'},"properties":{},"content-type":"x","content-encoding":"y"}',
    ],
    ids=lambda raw: raw[:30].decode("latin-1"),
)  # fmt: skip
def test_what_is_no_message_is_kept_aside_and_the_worker_goes_on(
    stack: Stack, broker: Any, bob: Person, raw: bytes
) -> None:
    pid = stack.processes["worker"].pid
    send(broker, raw)
    (entry, *_) = wait_for(lambda: refusals(broker), "not refused")
    assert len(entry["raw"]) <= 8192
    worker_still_works(stack, bob, pid)


def test_a_job_naming_a_foreign_document_does_nothing(stack: Stack, alice: Person, carol: Person) -> None:
    """Even a gateway gone wrong that signs such a job reaches no foreign row: the worker acts for the principal."""
    from uuid import UUID

    from chatbot.config.loading import load_settings
    from chatbot.jobs.queue import JobQueue, make_celery, make_signer

    settings = load_settings({k: v for k, v in stack.environment("gateway").items() if k.startswith("CHATBOT")})
    document = carol.upload("mine.md", "# Mine\n\nCarol's betony.")
    password = stack.secrets["jobs_gateway_password"]
    queue = JobQueue(make_celery(settings.broker, "gateway", password, job_signer=make_signer(settings.jobs)))
    queue.ingest(principal_of(alice, "acme"), UUID(document))
    worker_still_works(stack, alice, stack.processes["worker"].pid)
    assert "betony" in carol.ask("What is Carol's?").text
    assert "betony" not in str(alice.ask("What is Carol's betony?").events)


def test_remote_control_is_off(stack: Stack, broker: Any, bob: Person) -> None:
    pid = stack.processes["worker"].pid
    for channel in ("/0.celery.pidbox", "jobs:/0.celery.pidbox", "celery.pidbox"):
        broker.publish(channel, json.dumps({"body": base64.b64encode(b'{"method":"shutdown"}').decode()}))
    worker_still_works(stack, bob, pid)


def test_whoever_fills_the_queue_s_memory_keeps_nobody_from_signing_in(
    stack: Stack, broker: Any, person: Callable[[str], Person]
) -> None:
    with stopped(stack):
        with stack.jobs.connect("worker") as client:
            for size in (1_000_000, 50_000, 1000, 50):  # what is being sent counts, too: to the last byte
                with pytest.raises(redis.exceptions.OutOfMemoryError):
                    for _ in range(2000):
                        client.lpush(QUEUE, b"x" * size)
        alice = person("alice")  # a new sign-in, with all that it writes
        assert alice.get("/readyz").status_code == 200
        assert alice.ask("What is in my documents?").text
        for _ in range(20):  # the server may have found a little room meanwhile
            with stack.jobs.connect("worker") as client, pytest.raises(redis.exceptions.OutOfMemoryError):
                for _ in range(2000):
                    client.lpush(QUEUE, b"x" * 50)
            refused = alice.post("/api/v1/documents", params={"name": "full.md"}, content=b"# Full\n\nText.")
            if refused.status_code != 202:
                break
        assert (refused.status_code, refused.headers["content-type"]) == (503, "application/problem+json")
        assert "Upload it again in a moment" in refused.json()["detail"]
        found = [each["status"] for each in alice.get("/api/v1/documents").json() if each["title"] == "full.md"]
        assert "failed" in found
    wait_for(lambda: not broker.llen(QUEUE), "the worker has not emptied the list")
    worker_still_works(stack, alice, stack.processes["worker"].pid)
    broker.delete(QUEUE)


# jobs made from nothing


def forged(kind: str, body: bytes, who: Principal) -> dict[str, Any]:
    """Return a message as the gateway would send it, signed with a key of the attacker's own."""
    headers = {"lang": "py", "task": "documents.ingest", "id": str(uuid4()), "root_id": None, "parent_id": None, "group": None,
               "retries": 0, "eta": None, "expires": None, "timelimit": [None, None], "argsrepr": "()", "kwargsrepr": "{}"}  # fmt: skip
    message = Message("documents", kind, "binary" if kind != "application/json" else "utf-8", body, headers)
    headers[HEADER] = JobSigner("gateway", b"attacker" * 4, 600).sign(message)
    encoded = base64.b64encode(body).decode()
    properties = {"correlation_id": None, "reply_to": None}
    return {"body": encoded, "content-type": kind, "content-encoding": message.content_encoding, "headers": headers,
            "properties": properties}  # fmt: skip


def test_a_job_made_from_nothing_has_no_effect(
    stack: Stack, broker: Any, bob: Person, carol: Person, refusals: Refusals
) -> None:
    document, victim, job = carol.upload("hers.md", "# Hers\n\nText."), principal_of(carol, "globex"), str(uuid4())
    named = {"job": job, "tenant": str(victim.tenant_id), "user": str(victim.user_id), "role": "member", "name": "x",
             "document": document}  # fmt: skip
    nothing = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    send(broker, forged("application/json", json.dumps([[], named, nothing]).encode(), victim))
    worker_still_works(stack, bob, stack.processes["worker"].pid)  # the forged job came first
    with connect(stack, "bootstrap") as connection:
        done = connection.execute("select from chatbot.job_receipts where job_id = %s", (job,)).fetchall()
    must_fail(done, "a job that nobody signed took effect")


class Exploit:
    """What pickle calls while it only decodes."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return Path.touch, (self.marker,)


def test_no_job_runs_code_by_being_decoded(stack: Stack, broker: Any, bob: Person, refusals: Refusals) -> None:
    marker = stack.places.state / f"pwned-{uuid4().hex}"
    body = pickle.dumps([[], Exploit(marker), {}])
    send(broker, forged("application/x-python-serialize", body, principal_of(bob, "acme")))
    worker_still_works(stack, bob, stack.processes["worker"].pid)
    must_fail(marker.exists(), "code of the attacker's ran in the worker")
