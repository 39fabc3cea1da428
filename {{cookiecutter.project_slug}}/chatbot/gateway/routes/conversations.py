"""Conversations: begun, listed, searched, read, renamed, exported, deleted and restored."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from chatbot.chat.kept.export import Export, JsonExport, MarkdownExport
from chatbot.chat.kept.history import HistoryWriter
from chatbot.chat.kept.pieces import KeptMessages
from chatbot.core.errors import NotFound, Unprocessable
from chatbot.database import conversations as table
from chatbot.database.conversations import KeptRow
from chatbot.gateway.access.capacity import end_turn
from chatbot.gateway.dependencies import Using, Who
from chatbot.gateway.labels import Label, Name, Shown

router = APIRouter(prefix="/api/v1/conversations")
_MAX_EXPORTED = 10_000  # messages
_FORMS: dict[str, tuple[type[Export], str, str]] = {
    "markdown": (MarkdownExport, "text/markdown; charset=utf-8", "md"),
    "json": (JsonExport, "application/json", "json"),
}

_EXPORTED: dict[str, Any] = {
    "text/markdown": {"schema": {"type": "string"}},
    "application/json": {"schema": {"type": "object"}},
}


class ConversationQuery(BaseModel):
    """What to list."""

    model_config = ConfigDict(extra="forbid")
    search: str = Field(default="", max_length=200)


class ConversationEntry(BaseModel):
    """A conversation in the list. `snippet` is where the words of a search were found, if in a message."""

    id: UUID
    title: Shown
    folder: Shown | None
    updated_at: datetime
    snippet: Shown = ""


class ConversationChange(BaseModel):
    """A new title, a new folder, or both. An empty folder takes the conversation out of its folder."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"minProperties": 1})
    title: Name = Field(default="", min_length=1, max_length=120)
    folder: Label | None = Field(default=None, max_length=60)


class ConversationShown(BaseModel):
    """A conversation with its messages."""

    id: UUID
    title: Shown
    folder: Shown | None
    messages: list[dict[str, Any]]


@router.post("", status_code=201)
async def begin_conversation(who: Who, parts: Using) -> dict[str, UUID]:
    """Begin an empty conversation."""
    async with parts.database.acting_for(who) as connection:
        return {"id": await table.create_conversation(connection, who)}


async def _kept_messages(request: Request, who: Who, parts: Using) -> AsyncIterator[KeptMessages]:
    """Yield the reader of a principal's messages: one request at a time, until its answer is sent."""
    await end_turn(request.scope)
    async with parts.heavy.one_request(who.user_id):
        yield KeptMessages(parts.database, parts.heavy, who)


Kept = Annotated[KeptMessages, Depends(_kept_messages)]


@router.get("")
async def list_conversations(
    request: Request, query: Annotated[ConversationQuery, Query()], who: Who, parts: Using
) -> list[ConversationEntry]:
    """List one's own conversations, the latest first; with `search`, those in which every word occurs."""
    async with parts.database.acting_for(who) as connection:
        rows = await table.list_conversations(connection)
    if not query.search.split():
        return [_entry(row) for row in rows]
    await end_turn(request.scope)
    async with parts.heavy.one_request(who.user_id):
        kept = KeptMessages(parts.database, parts.heavy, who)
        search = await kept.search(query.search, request.is_disconnected)
    found = await parts.heavy.run(who.user_id, search.found, rows)
    return [_entry(row, snippet) for row, snippet in found]


@router.get("/{conversation}", response_class=Response, responses={200: {"model": ConversationShown}})
async def show_conversation(
    conversation: UUID,
    who: Who,
    parts: Using,
    kept: Kept,
    through: Annotated[int, Query(ge=0, lt=2**63)] = table.LATEST_WAY,
) -> StreamingResponse:
    """Return a conversation's messages, answers as nodes: those on the way to the latest one, or `through` another."""
    async with parts.database.acting_for(who) as connection:
        found = await table.find_conversation(connection, conversation)
        branch = await table.list_branch(connection, conversation, through) if found else {}
    if found is None or (through and not branch):
        raise _unknown()
    about = orjson.dumps({"id": str(found.id), "title": _title(found), "folder": found.folder})

    async def pieces() -> AsyncIterator[bytes]:
        before = about[:-1] + b',"messages":['
        async for message in kept.write(conversation, branch, HistoryWriter(branch).write):
            yield before + message
            before = b","
        yield b"]}" if before == b"," else before + b"]}"

    return StreamingResponse(pieces(), media_type="application/json")


@router.get("/{conversation}/export", response_class=Response, responses={200: {"content": _EXPORTED}})
async def export_conversation(
    conversation: UUID,
    who: Who,
    parts: Using,
    kept: Kept,
    form: Annotated[Literal["markdown", "json"], Query(alias="format")],
) -> StreamingResponse:
    """Return a conversation as a file to keep: the latest version for people, every version for machines."""
    make, kind, suffix = _FORMS[form]
    async with parts.database.acting_for(who) as connection:
        found = await table.find_conversation(connection, conversation)
        if found is None:
            raise _unknown()
        if form == "json":
            messages = await table.list_message_ids(connection, conversation, _MAX_EXPORTED)
        else:
            messages = list(await table.list_branch(connection, conversation, limit=_MAX_EXPORTED))
    name = f"conversation-{str(found.id)[:8]}.{suffix}"
    export = make(_title(found))

    async def pieces() -> AsyncIterator[bytes]:
        yield export.begin()
        async for message in kept.write(conversation, messages, export.write):
            yield message
        yield export.end()

    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(pieces(), media_type=kind, headers=headers)


@router.patch("/{conversation}")
async def change_conversation(
    conversation: UUID, change: ConversationChange, who: Who, parts: Using
) -> ConversationEntry:
    """Rename a conversation, or put it into a folder."""
    values = {name: value or None for name, value in change.model_dump(exclude_unset=True).items()}
    if not values:
        raise Unprocessable("Send a title, or a folder.")
    async with parts.database.acting_for(who) as connection:
        if not await table.change_conversation(connection, conversation, values):
            raise _unknown()
        found = await table.find_conversation(connection, conversation)
    if found is None:
        raise _unknown()
    return ConversationEntry(id=found.id, title=_title(found), folder=found.folder, updated_at=found.updated_at)


@router.delete("/{conversation}", status_code=204)
async def delete_conversation(conversation: UUID, who: Who, parts: Using) -> Response:
    """Delete a conversation with all its messages. For ten minutes it can be restored."""
    async with parts.database.acting_for(who) as connection:
        if not await table.delete_conversation(connection, conversation):
            raise _unknown()
    return Response(status_code=204)


@router.post("/{conversation}/restore", status_code=204)
async def restore_conversation(conversation: UUID, who: Who, parts: Using) -> Response:
    """Undo a deletion of the last ten minutes."""
    async with parts.database.acting_for(who) as connection:
        if not await table.restore_conversation(connection, conversation):
            raise NotFound("There is nothing to restore: it was not deleted, or too long ago.")
    return Response(status_code=204)


def _entry(row: KeptRow, snippet: str = "") -> ConversationEntry:
    return ConversationEntry(id=row.id, title=row.title, folder=row.folder, updated_at=row.updated_at, snippet=snippet)


def _title(found: KeptRow) -> str:
    return str(found.title or "New conversation")


def _unknown() -> NotFound:
    return NotFound("There is no such conversation.")
