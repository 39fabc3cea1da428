"""Documents as the worker sees them: read once, replaced by passages and vectors in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Update, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as insert_or_ignore

from chatbot.core.principal import Principal, Role
from chatbot.database.tables import Chunk, Document, DocumentBody, JobReceipt

_ADD_VECTOR = text(
    "INSERT INTO chatbot.chunk_vectors (chunk_id, tenant_id, owner_id, shared, embedding)"
    " VALUES (:chunk_id, :tenant_id, :owner_id, :shared, CAST(:embedding AS public.halfvec(384)))"
)
_CLAIM = text(
    "SELECT document_id, tenant_id, user_id, lease, attempt, seconds"
    " FROM secure.claim_document(:reader, :lanes, :patience)"
)
_END_READING = text("SELECT secure.end_reading(:lease, :used)")


@dataclass(frozen=True, slots=True)
class Claim:
    """A document that one reader may read in its owner's name until the lease ends."""

    document: UUID
    owner: Principal
    lease: UUID
    attempt: int  # for this job, counting from one
    seconds: float  # of processor time that reading it may take


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document with its vector in pgvector's text form."""

    section: str
    content: str
    embedding: str


@dataclass(frozen=True, slots=True)
class PassagesRead:
    """All passages of a document, how many characters that a reader would not see were left out, and notes."""

    passages: Sequence[Passage]
    hidden: int
    notes: Mapping[Any, str | int]


@dataclass(frozen=True, slots=True)
class Queued:
    """A document to be ingested."""

    title: str
    media_type: str
    body: bytes


def claim_document(connection: Connection, reader: str, lanes: int, patience: timedelta) -> Claim | None:
    """Return the document whose turn it is, or None when none may be read now.

    `reader` names a worker program, which reads `lanes` documents at once; `patience` is how long one may have waited.
    """
    values = {"reader": reader, "lanes": lanes, "patience": patience}
    row = connection.execute(_CLAIM, values).one_or_none()
    if row is None:
        return None
    owner = Principal(row.tenant_id, row.user_id, Role.MEMBER, "")  # rows go by person and tenant alone
    return Claim(row.document_id, owner, row.lease, row.attempt, row.seconds)


def has_receipt(connection: Connection, who: Principal, job: UUID) -> bool:
    """Say whether `job` has taken effect, or found nothing to do."""
    query = select(JobReceipt.job_id).where(JobReceipt.job_id == job, JobReceipt.user_id == who.user_id)
    return connection.execute(query).one_or_none() is not None


def note_receipt(connection: Connection, who: Principal, job: UUID) -> None:
    """Note that `job` is done with this transaction."""
    receipt = insert_or_ignore(JobReceipt).values(job_id=job, tenant_id=who.tenant_id, user_id=who.user_id)
    connection.execute(receipt.on_conflict_do_nothing())


def is_waiting(connection: Connection, who: Principal, document: UUID) -> bool:
    """Say whether the principal's own document waits to be read, or is being read."""
    mine = Document.id == document, Document.owner_id == who.user_id, Document.status == "queued"
    return connection.execute(select(Document.id).where(*mine)).one_or_none() is not None


def end_reading(connection: Connection, lease: UUID, used: float) -> bool:
    """End a reading that used so many seconds; False when its lease has ended, and nothing of it must be stored."""
    return bool(connection.scalar(_END_READING, {"lease": lease, "used": used}))


def read_queued(connection: Connection, who: Principal, document: UUID) -> Queued | None:
    """Return the principal's own waiting document, or None when it is gone or was not found fit to be read."""
    query = select(Document.title, Document.media_type, DocumentBody.body)
    query = query.join(DocumentBody, DocumentBody.document_id == Document.id)
    mine = Document.id == document, Document.owner_id == who.user_id, Document.status == "queued"
    row = connection.execute(query.where(*mine)).one_or_none()
    return Queued(*row) if row else None


def replace_passages(connection: Connection, who: Principal, document: UUID, read: PassagesRead) -> bool:
    """Put what was read in the place of whatever the document had, and mark it ready; False when it is gone."""
    done = {"status": "ready", "problem": None, "hidden_characters": read.hidden, "notes": dict(read.notes)}
    # first: until this transaction ends nobody else shares the document, whose passages are shared with it
    shared = connection.scalar(_of_waiting(document).values(done).returning(Document.shared))
    if shared is None:
        return False
    connection.execute(select(func.secure.delete_chunks(document)))
    passages = read.passages
    owner = {"tenant_id": who.tenant_id, "owner_id": who.user_id, "shared": shared}
    rows = [
        owner | {"document_id": document, "place": place, "section": passage.section, "content": passage.content}
        for place, passage in enumerate(passages)
    ]
    if rows:
        added = connection.execute(insert(Chunk).returning(Chunk.id, sort_by_parameter_order=True), rows)
        vectors = [
            owner | {"chunk_id": chunk, "embedding": passage.embedding}
            for chunk, passage in zip(added.scalars(), passages, strict=True)
        ]
        connection.execute(_ADD_VECTOR, vectors)
    return True


def mark_failed(connection: Connection, document: UUID, problem: str) -> bool:
    """Say why a waiting document could not be ingested; False when it is gone."""
    change = _of_waiting(document).values(status="failed", problem=problem)
    return connection.execute(change).rowcount == 1


def _of_waiting(document: UUID) -> Update:
    return update(Document).where(Document.id == document, Document.status == "queued")
