"""Documents are read in turn: what one tenant uploads makes no other wait, and what waits or is kept is bounded."""

import random
import resource
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from chatbot.config.settings import DatabaseSettings
from chatbot.core.errors import Unprocessable
from chatbot.database.engines import WorkerDatabase
from chatbot.database.ingestion import Queued
from chatbot.identity.people import tenant_id
from chatbot.model.embedding import HashingEmbedder
from chatbot.retrieval.extraction import extract_text
from chatbot.retrieval.ingestion import Ingestion, make_passages
from development.stack import Stack
from tests.doubles.database import connect, signer
from tests.doubles.files import make_pdf
from tests.doubles.person import Person
from tests.doubles.stopped import stopped


def boxes() -> bytes:
    """Return a small PDF that takes very long: each of its texts has to be held against each of its boxes."""
    return make_pdf(
        b"1 0 0 rg 0 0 9 9 re f " * 2000 + b"BT /F1 9 Tf 1 1 1 rg " + b"(a) Tj " * 300_000 + b"ET", packed=True
    )


def texts() -> bytes:
    return make_pdf(b"BT /F1 9 Tf " + b"(a) Tj " * 2_000_000 + b"ET", packed=True)


def words() -> bytes:
    letters = random.Random(1)
    return " ".join("".join(letters.choices("abcdefghijklmnopqrstuvwxyz", k=7)) for _ in range(260_000)).encode()


COSTLY: dict[str, Callable[[], bytes]] = {"boxes.pdf": boxes, "texts.pdf": texts, "words.md": words}


@pytest.fixture
def ingestion(stack: Stack) -> Ingestion:
    settings = DatabaseSettings(host=str(stack.places.sockets), name="chatbot")
    database = WorkerDatabase(settings, signer(stack, "worker"), stack.secrets["database_worker_password"], "english")
    return Ingestion(database, HashingEmbedder(), "test:1", 2, timedelta(hours=1))


@pytest.fixture
def desk(stack: Stack) -> Iterator["Desk"]:
    """All documents and readings, while the worker is stopped."""
    with stopped(stack), connect(stack, "bootstrap") as outside:
        outside.execute("update chatbot.documents set status = 'failed' where status = 'queued'")
        outside.execute("delete from secure.readings; delete from secure.reading_times")
        made = Desk(stack, outside)
        yield made
        outside.execute("delete from secure.readings; delete from secure.reading_times")
        outside.execute("delete from chatbot.documents where title = 'of the desk'")


class Desk:
    """Puts documents down to be read, and sees which are taken."""

    def __init__(self, stack: Stack, outside: Any) -> None:
        self.outside = outside
        self._people: dict[str, tuple[UUID, UUID]] = {}

    def put(self, person: str, size: int = 10, waits: int = 1) -> UUID:
        """Queue a document of a person, named as tenant.person, that has waited for so many seconds."""
        if person not in self._people:
            tenant, user = tenant_id(person.partition(".")[0]), uuid4()
            self.outside.execute("insert into chatbot.tenants (id, slug) values (%s, %s) on conflict do nothing",
                                 (tenant, person.partition(".")[0]))  # fmt: skip
            self.outside.execute("insert into chatbot.users (id, tenant_id, issuer, subject, name, role)"
                                 " values (%s, %s, 'i', %s, 'n', 'member')", (user, tenant, str(user)))  # fmt: skip
            self._people[person] = tenant, user
        row = self.outside.execute(
            "insert into chatbot.documents (tenant_id, owner_id, title, media_type, sha256, size, queued_at)"
            " values (%s, %s, 'of the desk', 'text/plain', sha256('x'), %s, now() - make_interval(secs => %s)) returning id",
            (*self._people[person], size, waits),
        ).fetchone()
        return UUID(str(row[0]))

    def owner_of(self, user: UUID) -> str:
        return next(name for name, (_, found) in self._people.items() if found == user)


def take(desk: Desk, ingestion: Ingestion, used: float | None = 1.0) -> str | None:
    """Take the next document and read it for so many seconds (None: it goes on); return whose it is."""
    claim = ingestion._claim()
    if claim is None:
        return None
    if used is not None:
        assert ingestion._store(claim, None, "read", used) == "refused"
    return desk.owner_of(claim.owner.user_id)


def test_documents_are_taken_in_turn_by_tenant_and_then_by_person(desk: Desk, ingestion: Ingestion) -> None:
    for person, count in (("a.x", 6), ("a.y", 2), ("b.x", 2), ("c.x", 1)):
        for number in range(count):
            desk.put(person, waits=60 - number)  # whoever came first has most
    taken = [take(desk, ingestion) for _ in range(12)]
    assert [person[0] for person in taken[:7] if person] == list("abcabaa")
    assert taken[:6:3] == ["a.x", "a.y"] and taken[11] is None
    assert taken[5:8] == ["a.x", "a.y", "a.x"]


def test_the_oldest_of_a_person_is_read_first_and_what_waited_too_long_never(desk: Desk, ingestion: Ingestion) -> None:
    later, first, _ = desk.put("a.x", waits=5), desk.put("a.x", waits=3500), desk.put("a.x", waits=3700)
    claims = [ingestion._claim() for _ in range(2)]
    assert [claim and claim.document for claim in claims] == [first, None]  # the last lane is for short work
    claims = [replace(ingestion, lanes=3)._claim() for _ in range(2)]
    assert [claim and claim.document for claim in claims] == [later, None]


def test_who_used_much_reading_time_lately_comes_behind(desk: Desk, ingestion: Ingestion) -> None:
    desk.put("a.x"), desk.put("b.x", waits=0)
    assert take(desk, ingestion, used=5) == "a.x"
    assert take(desk, ingestion, used=1) == "b.x"
    for person in ("a.x", "a.y", "b.x", "b.y"):
        desk.put(person, waits={"a.x": 9, "a.y": 8, "b.x": 7, "b.y": 6}[person])
    assert [take(desk, ingestion) for _ in range(4)] == ["b.y", "b.x", "a.y", "a.x"]
    desk.put("a.x", waits=9), desk.put("b.x", waits=8)
    desk.outside.execute("update secure.reading_times set at = now() - interval '1 hour' where tenant_id = %s",
                         (tenant_id("a"),))  # fmt: skip
    assert take(desk, ingestion) == "a.x"  # it fades


def test_the_last_lane_is_kept_for_short_work_of_others(desk: Desk, ingestion: Ingestion) -> None:
    costly = [desk.put("a.x", size=20_000) for _ in range(3)]
    assert take(desk, ingestion, used=None) == "a.x"
    assert take(desk, ingestion) is None
    large = desk.put("b.x", size=700_000)
    assert take(desk, ingestion) is None
    desk.outside.execute(
        "insert into secure.reading_times values (gen_random_uuid(), %s, 300, now())", (tenant_id("c"),)
    )
    desk.put("c.x"), desk.put("c.y")
    assert [take(desk, ingestion, used=0.3) for _ in range(2)] == ["c.x", "c.y"]  # however much they read before
    another = replace(ingestion, reader="another:1")  # another program has lanes of its own
    assert [take(desk, another, used) for used in (None, 1.0)] == ["b.x", "a.x"]
    # whoever deletes what is being read has the reader busy all the same
    desk.outside.execute("delete from chatbot.documents where id = any(%s)", ([*costly, large],))
    desk.put("a.x"), desk.put("d.x")
    assert [take(desk, ingestion, used=None) for _ in range(2)] == ["d.x", None]
    # what another program reads of a tenant's takes no lane of this one
    desk.put("e.x", size=20_000), desk.put("e.y", waits=0)
    assert take(desk, replace(ingestion, reader="another:2"), used=None) == "e.x"
    assert take(desk, replace(ingestion, lanes=3), used=0.3) == "e.y"
    # one program with one lane reads everything
    assert take(desk, replace(ingestion, reader="small:1", lanes=1)) == "a.x"


def test_an_attempt_is_counted_of_the_document_that_is_taken(desk: Desk, ingestion: Ingestion) -> None:
    first, second = desk.put("a.x", waits=2), desk.put("a.y")
    claim = ingestion._claim()
    assert claim is not None and claim.document == first
    attempts = desk.outside.execute("select id, attempts from chatbot.documents where title = 'of the desk'").fetchall()
    assert dict(attempts) == {first: 1, second: 0}


def test_seconds_are_charged_in_advance_and_given_back_at_the_end_only(desk: Desk, ingestion: Ingestion) -> None:
    def charged() -> float:
        row = desk.outside.execute("select sum(seconds) from secure.reading_times").fetchone()
        return float(row[0])

    for size, seconds in ((0, 5), (1024 * 1024, 10), (8 * 1024 * 1024, 20)):
        desk.outside.execute("delete from secure.reading_times")
        desk.put("a.x", size=size)
        claim = ingestion._claim()
        assert claim is not None and claim.seconds == pytest.approx(seconds) == pytest.approx(charged(), abs=0.5)
        ingestion._store(claim, None, "read", 2.0)
        assert charged() == pytest.approx(2, abs=0.5)
        assert ingestion._store(claim, None, "read", 0.0) == "its lease ended: nothing was stored"
        assert charged() == pytest.approx(2, abs=0.5)
    desk.put("a.x")
    assert ingestion._claim()
    desk.outside.execute("update secure.readings set until = now()")  # its reader was killed
    desk.put("b.x")
    assert take(desk, ingestion) == "b.x"
    assert charged() == pytest.approx(8, abs=0.5)


@pytest.mark.parametrize(
    ("role", "call"),
    [
        ("api", "claim_document('x', 2, '1 hour')"), ("api", "end_reading(gen_random_uuid(), 0)"),
        ("api", "reading_seconds(1)"), ("worker", "reading_seconds(1)"), ("worker", "count_documents('1 hour', false)"),
    ],
)  # fmt: skip
def test_each_role_calls_what_is_its_own(stack: Stack, role: str, call: str) -> None:
    with connect(stack, role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(f"select secure.{call}")


def test_nobody_ends_the_reading_of_somebody_else_s_document(stack: Stack, desk: "Desk", ingestion: Ingestion) -> None:
    desk.put("a.x"), desk.put("b.x")
    claim, other = ingestion._claim(), replace(ingestion, reader="another:1")._claim()
    assert claim is not None and other is not None
    forged = replace(claim, lease=other.lease)
    assert ingestion._store(forged, None, "read", 0.0) == "its lease ended: nothing was stored"
    assert ingestion._store(claim, None, "read", 0.0) == "refused"


def test_one_reader_chooses_at_a_time(desk: Desk, ingestion: Ingestion) -> None:
    documents = {desk.put("a.x") for _ in range(20)}
    wide = replace(ingestion, lanes=100)
    with ThreadPoolExecutor(2) as pool:
        claims = list(pool.map(lambda _: wide._claim(), range(40)))
    assert sorted(claim.document for claim in claims if claim) == sorted(documents)


@pytest.mark.parametrize("kind", COSTLY)
def test_a_costly_neighbour_makes_nobody_wait(stack: Stack, enrolled: Callable[..., Person], kind: str) -> None:
    attacker, victim = enrolled(stack, "costly"), enrolled(stack, "other")
    body = COSTLY[kind]()
    made = [attacker.post("/api/v1/documents", params={"name": kind}, content=body).json()["id"] for _ in range(4)]
    began = time.monotonic()
    victim.upload("one.md", "# One\n\nThe quokka allowance is 40.")
    print(f"{kind}: another tenant's document was ready after {time.monotonic() - began:.2f} s")
    waiting = {entry["id"] for entry in attacker.get("/api/v1/documents").json() if entry["status"] == "queued"}
    assert len(waiting) >= 3  # in the queue's order all four would have been read before
    for document in made:
        assert attacker.change("DELETE", f"/api/v1/documents/{document}").status_code == 204


@pytest.mark.parametrize("kind", ["boxes.pdf", "texts.pdf"])
def test_a_small_file_that_takes_long_ends_early(kind: str) -> None:
    began = resource.getrusage(resource.RUSAGE_CHILDREN)
    with pytest.raises(Unprocessable, match="too long or too much memory"):
        extract_text("application/pdf", COSTLY[kind](), 1)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime < 3  # of 15 and more


def test_a_text_of_many_words_ends_in_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(10_000))
    monkeypatch.setattr("chatbot.retrieval.ingestion.time", SimpleNamespace(process_time=lambda: next(clock)))
    embedded: list[str] = []

    class Noting(HashingEmbedder):
        def embed(self, text: str) -> list[float]:
            embedded.append(text)
            return super().embed(text)

    text = "\n\n".join(f"# {number}\n\nText." for number in range(30)).encode()
    with pytest.raises(Unprocessable, match="too long"):
        make_passages(Queued("x", "text/markdown", text), Noting(), 7.0)
    assert 5 <= len(embedded) <= 8
