"""Conversations and people, as ordinary parameterised statements under the principal's rows."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from chatbot.core.principal import Principal
from chatbot.database.tables import Conversation, Message, Tenant, User


async def enrol(connection: AsyncConnection, who: Principal, tenant: str, issuer: str, subject: str) -> None:
    """Note a person at sign-in: their tenant, and who they are by issuer and subject."""
    await connection.execute(insert(Tenant).values(id=who.tenant_id, slug=tenant).on_conflict_do_nothing())
    person = insert(User).values(
        id=who.user_id, tenant_id=who.tenant_id, issuer=issuer, subject=subject, name=who.name, role=who.role
    )
    changed = {"name": who.name, "role": who.role, "signed_in_at": func.now()}
    await connection.execute(person.on_conflict_do_update(index_elements=[User.id], set_=changed))


async def create_conversation(connection: AsyncConnection, who: Principal) -> UUID:
    """Begin an empty conversation and return its id."""
    row = insert(Conversation).values(tenant_id=who.tenant_id, user_id=who.user_id).returning(Conversation.id)
    return (await connection.execute(row)).scalar_one()


async def list_conversations(connection: AsyncConnection, limit: int = 200) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return the principal's conversations that hold a message, latest first: id, title, updated_at."""
    query = select(Conversation.id, Conversation.title, Conversation.updated_at)
    query = query.where(Conversation.title.is_not(None))
    return (await connection.execute(query.order_by(Conversation.updated_at.desc()).limit(limit))).all()


async def find_conversation(connection: AsyncConnection, conversation: UUID) -> Row[*tuple[Any, ...]] | None:
    """Return id and title, or None when the principal has no such conversation."""
    query = select(Conversation.id, Conversation.title).where(Conversation.id == conversation)
    return (await connection.execute(query)).one_or_none()


async def list_messages(
    connection: AsyncConnection, conversation: UUID, limit: int = 500
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return the latest messages of a conversation, oldest first."""
    query = select(Message.id, Message.author, Message.content, Message.citations, Message.outcome, Message.created_at)
    query = query.where(Message.conversation_id == conversation).order_by(Message.id.desc()).limit(limit)
    return list(reversed((await connection.execute(query)).all()))


async def delete_conversation(connection: AsyncConnection, conversation: UUID) -> bool:
    """Delete a conversation with its messages; False when the principal has none such."""
    result = await connection.execute(delete(Conversation).where(Conversation.id == conversation))
    return result.rowcount == 1
