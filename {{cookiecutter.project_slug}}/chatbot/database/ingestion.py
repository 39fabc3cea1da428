"""Documents as the worker sees them: read once, replaced by passages and vectors in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as insert_or_ignore

from chatbot.core.principal import Principal
from chatbot.database.tables import Chunk, Document, DocumentBody, JobReceipt

_ADD_VECTOR = text(
    "INSERT INTO chatbot.chunk_vectors (chunk_id, tenant_id, owner_id, shared, embedding)"
    " VALUES (:chunk_id, :tenant_id, :owner_id, :shared, CAST(:embedding AS public.halfvec(384)))"
)


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
    shared: bool


def claim_job(connection: Connection, who: Principal, job: UUID) -> bool:
    """Note that `job` takes effect in this transaction; False when it already has."""
    receipt = insert_or_ignore(JobReceipt).values(job_id=job, tenant_id=who.tenant_id, user_id=who.user_id)
    claimed = connection.execute(receipt.on_conflict_do_nothing().returning(JobReceipt.job_id))
    return claimed.one_or_none() is not None


def begin_attempt(connection: Connection, who: Principal, document: UUID) -> int:
    """Note that reading a document begins, and return how often it has; 0 when the principal has no such document."""
    change = update(Document).where(Document.id == document, Document.owner_id == who.user_id)
    return connection.scalar(change.values(attempts=Document.attempts + 1).returning(Document.attempts)) or 0


def read_queued(connection: Connection, who: Principal, document: UUID) -> Queued | None:
    """Return the principal's own document, or None when it is gone or belongs to another."""
    query = select(Document.title, Document.media_type, DocumentBody.body, Document.shared)
    query = query.join(DocumentBody, DocumentBody.document_id == Document.id)
    row = connection.execute(query.where(Document.id == document, Document.owner_id == who.user_id)).one_or_none()
    return Queued(*row) if row else None


def replace_passages(connection: Connection, who: Principal, document: UUID, shared: bool, read: PassagesRead) -> None:
    """Put what was read in the place of whatever the document had, and mark it ready."""
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
    done = {"status": "ready", "problem": None, "hidden_characters": read.hidden, "notes": dict(read.notes)}
    connection.execute(update(Document).where(Document.id == document).values(done))


def mark_failed(connection: Connection, document: UUID, problem: str) -> None:
    """Say why a document could not be ingested."""
    connection.execute(update(Document).where(Document.id == document).values(status="failed", problem=problem))
