"""Documents: uploaded, listed, renamed, shared, read anew, cited, deleted."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from anyio import to_thread
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from chatbot.core.errors import NotFound, Problem, Unprocessable
from chatbot.core.principal import Principal
from chatbot.database import documents as table
from chatbot.database.documents import DocumentUsage, NewDocument
from chatbot.gateway.dependencies import Using, Who
from chatbot.gateway.labels import Shown
from chatbot.retrieval.notes import describe_notes
from chatbot.retrieval.quotas import check_stored, check_waiting
from chatbot.retrieval.reading import MOST_BYTES, clean_title, read_document
from chatbot.wiring import Parts

router = APIRouter(prefix="/api/v1/documents")


class UploadOptions(BaseModel):
    """What is said about an upload beside its bytes."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=200)
    shared: bool = False


class DocumentChange(BaseModel):
    """A new title, or whether colleagues may read it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"minProperties": 1})
    title: str = Field(default="", min_length=1, max_length=200)
    shared: bool = Field(default=False, strict=True)


class DocumentEntry(BaseModel):
    """A document in the list."""

    id: UUID
    title: Shown
    own: bool
    shared: bool
    size: int
    status: str
    problem: str | None
    hidden_characters: int
    notes: list[str]
    created_at: datetime


class PassageShown(BaseModel):
    """A passage that an answer cites. Its text is untrusted: it is shown as text only."""

    title: Shown
    section: Shown
    content: Shown


class PassageRead(BaseModel):
    """A passage as it was read from a document. Its text is untrusted: it is shown as text only."""

    place: int
    section: Shown
    content: Shown


class DocumentTaken(BaseModel):
    """A document that is kept and waits to be read."""

    id: UUID
    title: Shown
    status: Literal["queued"]


_BYTES = {"type": "string", "format": "binary", "maxLength": MOST_BYTES}
_FILE = {"required": True, "content": {"application/octet-stream": {"schema": _BYTES}}}


@router.post("", status_code=202, openapi_extra={"requestBody": _FILE})
async def upload_document(
    request: Request, options: Annotated[UploadOptions, Query()], who: Who, parts: Using
) -> DocumentTaken:
    """Keep the body as a document and have it made searchable. The body is the file itself, nothing around it."""
    limits = parts.settings.documents
    async with parts.database.acting_for(who) as connection:  # before megabytes are read
        usage = await table.count_documents(connection, _patience(parts), exclusive=False)
        check_waiting(usage, limits, added=1)
        announced = request.headers.get("content-length", "0")
        check_stored(usage, limits, DocumentUsage(1, 1, int(announced) if announced.isdecimal() else 0))
    async with parts.heavy.one_upload(who.user_id):
        body = await request.body()
        document: NewDocument = await to_thread.run_sync(
            lambda: read_document(options.name, body, shared=options.shared)  # megabytes are looked through
        )
        async with parts.database.acting_for(who) as connection:
            identifier = await table.keep_document(connection, who, document)
            # counted last: only then does everybody else of the tenant wait for this one
            usage = await table.count_documents(connection, _patience(parts), exclusive=True)
            check_waiting(usage, limits)
            check_stored(usage, limits)
    await _hand_over(parts, who, identifier)
    return DocumentTaken(id=identifier, title=document.title, status="queued")


@router.get("")
async def list_documents(who: Who, parts: Using) -> list[DocumentEntry]:
    """List the documents that one may read: one's own, then what colleagues share, each the latest first."""
    async with parts.database.acting_for(who) as connection:
        rows = await table.list_documents(connection, who, _patience(parts))
    return await parts.heavy.run(who.user_id, _entries, rows, who)


def _entries(rows: Sequence[Any], principal: Principal) -> list[DocumentEntry]:
    return [
        DocumentEntry(
            id=row.id,
            title=row.title,
            own=row.owner_id == principal.user_id,
            shared=row.shared,
            size=row.size,
            status=row.status,
            problem=row.problem,
            hidden_characters=row.hidden_characters,
            notes=describe_notes(row.notes),
            created_at=row.created_at,
        )
        for row in rows
    ]


@router.patch("/{document}", status_code=204)
async def change_document(document: UUID, change: DocumentChange, who: Who, parts: Using) -> Response:
    """Rename one's own document, share it with one's organisation, or end that."""
    values = change.model_dump(exclude_unset=True)
    if "title" in values:
        values["title"] = clean_title(values["title"])
    if not values:
        raise Unprocessable("Send a title, or whether the document is shared.")
    async with parts.database.acting_for(who) as connection:
        if not await table.change_document(connection, who, document, values):
            raise NotFound("There is no such document of yours.")
    return Response(status_code=204)


@router.post("/{document}/index", status_code=202)
async def index_document(document: UUID, who: Who, parts: Using) -> dict[str, str]:
    """Have one's own document read anew, after a failure for instance."""
    async with parts.database.acting_for(who) as connection:
        queued = await table.queue_again(connection, who, document, _patience(parts))
        if queued:
            usage = await table.count_documents(connection, _patience(parts), exclusive=True)
            check_waiting(usage, parts.settings.documents)
    if queued is None:
        raise NotFound("There is no such document of yours.")
    if not queued:
        raise Problem("It is being read already.", status=409)
    await _hand_over(parts, who, document)
    return {"status": "queued"}


@router.delete("/{document}", status_code=204)
async def delete_document(document: UUID, who: Who, parts: Using) -> Response:
    """Delete one's own document with every passage and vector."""
    async with parts.database.acting_for(who) as connection:
        if not await table.delete_document(connection, document):
            raise NotFound("There is no such document of yours.")
    return Response(status_code=204)


@router.get("/{document}/passages")
async def list_passages(
    document: UUID, who: Who, parts: Using, after: Annotated[int, Query(ge=-1, le=2**31 - 1)] = -1
) -> list[PassageRead]:
    """Return what was read from a document, one's own or a shared one: this is what the model is shown.

    At most 200 passages come at once: ask for those `after` the last place for more.
    """
    async with parts.database.acting_for(who) as connection:
        rows = await table.list_passages(connection, document, after)
    if rows is None:
        raise NotFound("There is no such document.")
    return [PassageRead(place=row.place, section=row.section, content=row.content) for row in rows]


@router.get("/{document}/passages/{chunk}")
async def show_passage(
    document: UUID, chunk: Annotated[int, Path(ge=1, lt=2**63)], who: Who, parts: Using
) -> PassageShown:
    """Return the passage that a citation names."""
    async with parts.database.acting_for(who) as connection:
        row = await table.find_passage(connection, document, chunk)
    if row is None:
        raise NotFound("There is no such passage.")
    return PassageShown(title=row.title, section=row.section, content=row.content)


async def _hand_over(parts: Parts, who: Principal, document: UUID) -> None:
    """Ask the worker to read a document; its row must be committed, since the worker looks for it."""
    try:
        await to_thread.run_sync(parts.jobs.ingest, who, document)
    except Problem as problem:
        async with parts.database.acting_for(who) as connection:
            await table.mark_failed(connection, document, problem.detail)
        raise


def _patience(parts: Parts) -> timedelta:
    return timedelta(seconds=parts.settings.jobs.life_seconds)
