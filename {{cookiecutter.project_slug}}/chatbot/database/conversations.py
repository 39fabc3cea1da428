"""Conversations, as ordinary parameterised statements under the principal's rows."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from chatbot.core.principal import Principal
from chatbot.database.tables import Conversation, Message

KeptRow = Row[*tuple[Any, ...]]
UNDO_TIME = timedelta(minutes=10)
LATEST_WAY = 0


async def create_conversation(connection: AsyncConnection, who: Principal) -> UUID:
    """Begin an empty conversation and return its id."""
    row = insert(Conversation).values(tenant_id=who.tenant_id, user_id=who.user_id).returning(Conversation.id)
    return (await connection.execute(row)).scalar_one()


async def list_conversations(connection: AsyncConnection, limit: int = 200) -> Sequence[KeptRow]:
    """Return the principal's conversations that hold a message, latest first: id, title, folder, updated_at."""
    query = select(Conversation.id, Conversation.title, Conversation.folder, Conversation.updated_at)
    query = query.where(Conversation.title.is_not(None), Conversation.deleted_at.is_(None))
    return (await connection.execute(query.order_by(Conversation.updated_at.desc()).limit(limit))).all()


async def find_conversation(connection: AsyncConnection, conversation: UUID) -> KeptRow | None:
    """Return id, title, folder and updated_at, or None when the principal has no such conversation."""
    query = select(Conversation.id, Conversation.title, Conversation.folder, Conversation.updated_at)
    query = query.where(Conversation.id == conversation, Conversation.deleted_at.is_(None))
    return (await connection.execute(query)).one_or_none()


async def list_branch(
    connection: AsyncConnection, conversation: UUID, through: int = LATEST_WAY, limit: int = 200
) -> dict[int, list[int]]:
    """Return the ids of the latest messages on the way through one message, oldest first, each with its versions.

    None of them when `through` is no message of the conversation.
    """
    row = func.chatbot.read_way(conversation, through, limit).table_valued("id", "versions")
    rows = (await connection.execute(select(row).order_by(row.c.id))).all()
    return {found.id: found.versions for found in rows}


async def list_message_ids(connection: AsyncConnection, conversation: UUID, limit: int) -> list[int]:
    """Return the ids of the latest messages of a conversation, every version, oldest first."""
    query = select(Message.id).where(Message.conversation_id == conversation).order_by(Message.id.desc()).limit(limit)
    return list(reversed((await connection.execute(query)).scalars().all()))


async def read_messages(
    connection: AsyncConnection, conversation: UUID, messages: Collection[int]
) -> Sequence[KeptRow]:
    """Return messages of a conversation by their ids, oldest first."""
    columns = Message.id, Message.parent_id, Message.author, Message.content, Message.citations, Message.outcome
    query = select(*columns, Message.created_at).where(Message.conversation_id == conversation)
    return (await connection.execute(query.where(Message.id.in_(messages)).order_by(Message.id))).all()


async def list_latest_messages(connection: AsyncConnection, limit: int) -> list[int]:
    """Return the ids of the principal's latest messages, newest first."""
    query = select(Message.id).join(Conversation, Conversation.id == Message.conversation_id)
    query = query.where(Conversation.deleted_at.is_(None)).order_by(Message.id.desc()).limit(limit)
    return list((await connection.execute(query)).scalars().all())


async def read_texts(connection: AsyncConnection, messages: Collection[int], characters: int) -> Sequence[KeptRow]:
    """Return messages by their ids, newest first: the conversation's id, and so many characters of the content."""
    query = select(Message.conversation_id, func.left(Message.content, characters).label("content"))
    return (await connection.execute(query.where(Message.id.in_(messages)).order_by(Message.id.desc()))).all()


async def change_conversation(
    connection: AsyncConnection, conversation: UUID, values: Mapping[str, str | None]
) -> bool:
    """Set title or folder; False when the principal has no such conversation."""
    change = update(Conversation).where(Conversation.id == conversation, Conversation.deleted_at.is_(None))
    return (await connection.execute(change.values(**values))).rowcount == 1


async def delete_conversation(connection: AsyncConnection, conversation: UUID) -> bool:
    """Take a conversation away, to be brought back for some minutes; False when the principal has none such."""
    await _forget_deleted(connection)
    change = update(Conversation).where(Conversation.id == conversation, Conversation.deleted_at.is_(None))
    return (await connection.execute(change.values(deleted_at=func.now()))).rowcount == 1


async def restore_conversation(connection: AsyncConnection, conversation: UUID) -> bool:
    """Bring a deleted conversation back; False when there is none such or its time is over."""
    await _forget_deleted(connection)
    change = update(Conversation).where(Conversation.id == conversation, Conversation.deleted_at.is_not(None))
    return (await connection.execute(change.values(deleted_at=None))).rowcount == 1


async def _forget_deleted(connection: AsyncConnection) -> None:
    """Remove for good, with their messages, what was deleted longer ago than it can be brought back."""
    await connection.execute(select(func.secure.forget_conversations(UNDO_TIME)))
