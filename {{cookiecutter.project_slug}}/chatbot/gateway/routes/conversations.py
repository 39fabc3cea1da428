"""Conversations: begun, listed, read, deleted."""

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel

from chatbot.chat.history import render_history
from chatbot.core.errors import NotFound
from chatbot.database import conversations as table
from chatbot.gateway.dependencies import Using, Who

router = APIRouter(prefix="/api/v1/conversations")


class ConversationEntry(BaseModel):
    """A conversation in the list."""

    id: UUID
    title: str
    updated_at: datetime


class ConversationShown(BaseModel):
    """A conversation with its messages."""

    id: UUID
    title: str
    messages: list[dict[str, Any]]


@router.post("", status_code=201)
async def begin_conversation(who: Who, parts: Using) -> dict[str, UUID]:
    """Begin an empty conversation."""
    async with parts.database.acting_for(who) as connection:
        return {"id": await table.create_conversation(connection, who)}


@router.get("")
async def list_conversations(who: Who, parts: Using) -> list[ConversationEntry]:
    """List one's own conversations, the latest first."""
    async with parts.database.acting_for(who) as connection:
        rows = await table.list_conversations(connection)
    return [ConversationEntry(id=row.id, title=row.title, updated_at=row.updated_at) for row in rows]


@router.get("/{conversation}")
async def show_conversation(conversation: UUID, who: Who, parts: Using) -> ConversationShown:
    """Return a conversation's messages, answers as nodes."""
    async with parts.database.acting_for(who) as connection:
        found = await table.find_conversation(connection, conversation)
        if found is None:
            raise NotFound("There is no such conversation.")
        messages = await table.list_messages(connection, conversation)
    return ConversationShown(id=found.id, title=found.title or "New conversation", messages=render_history(messages))


@router.delete("/{conversation}", status_code=204)
async def delete_conversation(conversation: UUID, who: Who, parts: Using) -> Response:
    """Delete a conversation with all its messages."""
    async with parts.database.acting_for(who) as connection:
        if not await table.delete_conversation(connection, conversation):
            raise NotFound("There is no such conversation.")
    return Response(status_code=204)
