"""The credentials of a Valkey user: a job that is delivered again and again (queue-tamper)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from chatbot.config.settings import DatabaseSettings
from chatbot.database.engines import WorkerDatabase
from chatbot.model.embedding import HashingEmbedder
from chatbot.retrieval.ingestion import Ingestion, NotYet
from development.stack import Stack
from tests.attacks.test_broker import QUEUE, broker, send, worker_still_works
from tests.doubles.database import connect, principal_of, signer
from tests.doubles.person import Person
from tests.doubles.stopped import stopped
from tests.flows.test_documents import entry, wait_until_read

__all__ = ["broker"]
TEXTS = {"ready.md": b"# Ready\n\nText.", "failed.pdf": b"%PDF-1.7 and nothing else"}


def everything_about(stack: Stack, document: str) -> list[tuple[Any, ...]]:
    """Return the whole row of a document, and of each of its passages."""
    with connect(stack, "bootstrap") as outside:
        return [
            row
            for statement in (
                "select d::text from chatbot.documents d where id = %s",
                "select c::text from chatbot.chunks c where document_id = %s order by place",
            )
            for row in outside.execute(statement, (document,)).fetchall()
        ]


def genuine(stack: Stack, broker: Any, person: Person, name: str) -> tuple[str, bytes]:
    """Upload a document while the worker is stopped; return its id and its job as it lies in the queue."""
    with stopped(stack):
        # the first goes to the worker, which waits for one
        for each in ("taken.md", name):
            made = person.post("/api/v1/documents", params={"name": each}, content=TEXTS.get(each, b"# T\n\nText."))
            assert made.status_code == 202
        return made.json()["id"], broker.lindex(QUEUE, 0)


@pytest.mark.parametrize("state", ["ready", "failed", "deleted"])
def test_a_job_that_is_done_changes_nothing_however_often_it_is_replayed(
    stack: Stack, broker: Any, alice: Person, bob: Person, state: str
) -> None:
    name = "failed.pdf" if state == "failed" else "ready.md"
    document, job = genuine(stack, broker, alice, name)
    assert wait_until_read(alice, document)["status"] == name.partition(".")[0]
    worker_still_works(stack, bob, stack.processes["worker"].pid)
    if state == "deleted":
        assert alice.change("DELETE", f"/api/v1/documents/{document}").status_code == 204
    before = everything_about(stack, document)
    assert len(before) == {"ready": 2, "failed": 1, "deleted": 0}[state]
    for _ in range(5):
        send(broker, job)
        worker_still_works(stack, bob, stack.processes["worker"].pid)
        assert everything_about(stack, document) == before


@pytest.fixture
def ingestion(stack: Stack) -> Ingestion:
    """What the worker does with a job, here where the worker is stopped."""
    settings = DatabaseSettings(host=str(stack.places.sockets), name="chatbot")
    password = stack.secrets["database_worker_password"]
    database = WorkerDatabase(settings, signer(stack, "worker"), password, "english")
    return Ingestion(database, HashingEmbedder(), "test:1", 1, timedelta(hours=1))


def test_a_job_that_is_done_does_not_begin_what_waits_again_or_is_being_read(
    stack: Stack, broker: Any, alice: Person, ingestion: Ingestion
) -> None:
    who, document, job, later = (
        principal_of(alice, "acme"),
        UUID(alice.upload("x.md", "# X\n\nText.")),
        uuid4(),
        uuid4(),
    )
    assert ingestion.run(who, document, job) == "nothing left to do"
    with stopped(stack), connect(stack, "bootstrap") as outside:
        assert alice.post(f"/api/v1/documents/{document}/index").status_code == 202
        before = everything_about(stack, str(document))
        for _ in range(5):
            assert ingestion.run(who, document, job) == "nothing left to do"
            assert everything_about(stack, str(document)) == before
        # another reader has it
        outside.execute("insert into secure.readings (document_id, tenant_id, user_id, reader, seconds, until)"
                        " values (%s, %s, %s, 'other', 5, now() + interval '1 hour')",
                        (document, who.tenant_id, who.user_id))  # fmt: skip
        for _ in range(5):
            assert ingestion.run(who, document, job) == "nothing left to do"
        hurried = replace(ingestion, wait=0.3)
        for _ in range(5):  # delivered again while it is done: it waits for the other, and changes nothing
            with pytest.raises(NotYet):
                hurried.run(who, document, later)
            assert everything_about(stack, str(document)) == before
        outside.execute("delete from secure.readings where document_id = %s", (document,))
        assert "passages" in ingestion.run(who, document, later)
        after = everything_about(stack, str(document))
        for done in (job, later) * 5:
            assert ingestion.run(who, document, done) == "nothing left to do"
            assert everything_about(stack, str(document)) == after


def test_a_reader_whose_lease_has_ended_stores_nothing(stack: Stack, alice: Person, ingestion: Ingestion) -> None:
    class Slow(HashingEmbedder):
        """An embedder that takes so long that the lease ends."""

        def embed(self, text: str) -> list[float]:
            with connect(stack, "bootstrap") as outside:
                outside.execute("update secure.readings set until = now()")
            return super().embed(text)

    who, document = principal_of(alice, "acme"), UUID(alice.upload("x.md", "# X\n\nText."))
    with stopped(stack):
        assert alice.post(f"/api/v1/documents/{document}/index").status_code == 202
        before = everything_about(stack, str(document))
        outcome = replace(ingestion, embedder=Slow()).run(who, document, uuid4())
        assert outcome == "its lease ended: nothing was stored"
        (row, *passages), (former, *formers) = everything_about(stack, str(document)), before
        assert (passages, row[0].replace(",1,", ",0,")) == (formers, former[0])  # the attempt alone was counted


def test_attempts_are_counted_for_each_job_and_end_after_three(
    stack: Stack, alice: Person, ingestion: Ingestion
) -> None:
    who, document = principal_of(alice, "acme"), UUID(alice.upload("deadly.md", "# Deadly\n\nText."))
    path = f"/api/v1/documents/{document}/index"
    with stopped(stack), connect(stack, "bootstrap") as outside:
        assert alice.post(path).status_code == 202
        job = uuid4()
        for attempt in (1, 2, 3):  # as if the worker had been killed while reading it
            claim = ingestion._claim()
            assert claim is not None and (claim.document, claim.attempt) == (document, attempt)
            outside.execute("delete from secure.readings")
        assert ingestion.run(who, document, job) == "refused"
        found = entry(alice, str(document))
        assert (found["status"], "several times" in found["problem"]) == ("failed", True)
        assert alice.post(path).status_code == 202
        assert "passages" in ingestion.run(who, document, uuid4())  # another job begins to count from one
