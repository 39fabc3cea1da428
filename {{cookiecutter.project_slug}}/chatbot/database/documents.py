"""Documents as the gateway sees them: kept, listed, cited, deleted."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Interval, Row, Select, bindparam, case, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chatbot.core.principal import Principal
from chatbot.database.tables import Chunk, Document, DocumentBody

_COUNT = text("SELECT scope, waiting, documents, size FROM secure.count_documents(:patience, :exclusive)")
_GIVEN_UP = "It waited too long to be read. Have it read again."


def _listings() -> list[Select[Any]]:
    """Return the statements that list one's own documents, and colleagues'; putting one together takes milliseconds."""
    me, patience = bindparam("me", type_=Document.owner_id.type), bindparam("patience", type_=Interval())
    given_up = (Document.status == "queued") & (Document.queued_at < func.now() - patience)
    columns = (
        Document.id,
        Document.title,
        Document.shared,
        Document.owner_id,
        Document.size,
        case((given_up, "failed"), else_=Document.status).label("status"),
        case((given_up, _GIVEN_UP), else_=Document.problem).label("problem"),
        Document.hidden_characters,
        Document.notes,
        Document.created_at,
    )
    listed = select(*columns).order_by(Document.created_at.desc(), Document.id).limit(bindparam("most"))
    return [listed.where(Document.owner_id == me), listed.where(Document.owner_id != me)]


_LISTINGS = _listings()


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document judged fit to be kept."""

    title: str
    media_type: str
    body: bytes
    shared: bool


@dataclass(frozen=True, slots=True)
class DocumentUsage:
    """What somebody has: documents that wait, documents that are kept, and their bytes."""

    waiting: int
    documents: int
    size: int


async def keep_document(connection: AsyncConnection, who: Principal, document: NewDocument) -> UUID:
    """Keep a document, queued for the worker, and return its id."""
    raw = document.body
    row = insert(Document).values(
        tenant_id=who.tenant_id,
        owner_id=who.user_id,
        shared=document.shared,
        title=document.title,
        media_type=document.media_type,
        sha256=hashlib.sha256(raw).digest(),
        size=len(raw),
    )
    identifier: UUID = (await connection.execute(row.returning(Document.id))).scalar_one()
    body = {"document_id": identifier, "tenant_id": who.tenant_id, "owner_id": who.user_id, "body": document.body}
    await connection.execute(insert(DocumentBody).values(body))
    return identifier


async def list_documents(
    connection: AsyncConnection, who: Principal, patience: timedelta, limit: int = 500
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return the documents that the principal may read: their own first, then what colleagues share, each latest first.

    A document that has waited longer than `patience` will not be read any more: its job has run out.
    """
    given = {"me": who.user_id, "patience": patience, "most": limit}
    found: list[Row[*tuple[Any, ...]]] = []
    for listing in _LISTINGS:
        found += (await connection.execute(listing, given)).all()
    return found


async def count_documents(
    connection: AsyncConnection, patience: timedelta, *, exclusive: bool
) -> dict[str, DocumentUsage]:
    """Return what the principal (`user`) and their `tenant` have: how many wait, how many are kept, and their bytes.

    With `exclusive` nobody else of the tenant adds any until the transaction ends.
    """
    rows = await connection.execute(_COUNT, {"patience": patience, "exclusive": exclusive})
    return {row.scope: DocumentUsage(row.waiting, row.documents, row.size) for row in rows}


async def queue_again(connection: AsyncConnection, who: Principal, document: UUID, patience: timedelta) -> bool | None:
    """Have one's own document wait to be read again; False when it waits already, None when there is none such."""
    mine = Document.id == document, Document.owner_id == who.user_id
    idle = (Document.status != "queued") | (Document.queued_at < func.now() - patience)
    change = update(Document).where(*mine, idle)
    values = {"status": "queued", "problem": None, "queued_at": func.now(), "attempts": 0}
    if (await connection.execute(change.values(**values))).rowcount == 1:
        return True
    return None if await connection.scalar(select(Document.id).where(*mine)) is None else False


async def change_document(
    connection: AsyncConnection, who: Principal, document: UUID, values: Mapping[str, Any]
) -> bool:
    """Rename one's own document, or share it, or not any more; False when there is none such."""
    change = update(Document).where(Document.id == document, Document.owner_id == who.user_id)
    return (await connection.execute(change.values(**values))).rowcount == 1


async def mark_failed(connection: AsyncConnection, document: UUID, problem: str) -> None:
    """Say why a document that waits will not become searchable."""
    waiting = Document.id == document, Document.status == "queued"  # it may have been read all the same
    await connection.execute(update(Document).where(*waiting).values(status="failed", problem=problem))


async def delete_document(connection: AsyncConnection, document: UUID) -> bool:
    """Delete one's own document with every chunk and vector; False when there is none such."""
    return bool(await connection.scalar(select(func.secure.delete_document(document))))


async def list_passages(
    connection: AsyncConnection, document: UUID, after: int, limit: int = 200
) -> Sequence[Row[*tuple[Any, ...]]] | None:
    """Return the passages behind place `after` in their order, or None when the principal may not read the document."""
    if await connection.scalar(select(Document.id).where(Document.id == document)) is None:
        return None
    query = select(Chunk.place, Chunk.section, Chunk.content).where(Chunk.document_id == document)
    return (await connection.execute(query.where(Chunk.place > after).order_by(Chunk.place).limit(limit))).all()


async def find_passage(connection: AsyncConnection, document: UUID, chunk: int) -> Row[*tuple[Any, ...]] | None:
    """Return a passage with its document's title, or None when the principal may not read such a one."""
    query = select(Document.title, Chunk.section, Chunk.content, Chunk.place)
    query = query.join(Document, Document.id == Chunk.document_id)
    return (await connection.execute(query.where(Chunk.id == chunk, Chunk.document_id == document))).one_or_none()
