"""The tables as SQLAlchemy knows them. Their truth, with policies and rights, is `migrations/sql`."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, MetaData, Text, func
from sqlalchemy.dialects.postgresql import CIDR, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Table(DeclarativeBase):
    """The declarative root: every table lives in the schema `chatbot`."""

    metadata = MetaData(schema="chatbot")
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        dict[str, Any]: JSONB,
        list[dict[str, Any]]: JSONB,
        list[str]: ARRAY(Text),
    }


class Tenant(Table):
    """An organisation; nothing is ever visible across two of them."""

    __tablename__ = "tenants"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    slug: Mapped[str]
    monthly_tokens: Mapped[int | None] = mapped_column(BigInteger)


class User(Table):
    """A person within a tenant, known by issuer and subject of the identity provider."""

    __tablename__ = "users"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    issuer: Mapped[str]
    subject: Mapped[str]
    name: Mapped[str]
    role: Mapped[str]
    granted_role: Mapped[str | None]
    suspended_at: Mapped[datetime | None]
    monthly_tokens: Mapped[int | None] = mapped_column(BigInteger)
    signed_in_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Conversation(Table):
    """A list of messages of one person."""

    __tablename__ = "conversations"
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    tenant_id: Mapped[UUID]
    user_id: Mapped[UUID]
    title: Mapped[str | None]
    folder: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    deleted_at: Mapped[datetime | None]


class Message(Table):
    """A question or an answer, and the message that it follows."""

    __tablename__ = "messages"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    tenant_id: Mapped[UUID]
    user_id: Mapped[UUID]
    conversation_id: Mapped[UUID]
    parent_id: Mapped[int | None] = mapped_column(BigInteger)
    author: Mapped[str]
    content: Mapped[str]
    citations: Mapped[list[dict[str, Any]]]
    outcome: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Document(Table):
    """An uploaded document and how far it has come."""

    __tablename__ = "documents"
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    tenant_id: Mapped[UUID]
    owner_id: Mapped[UUID]
    shared: Mapped[bool]
    title: Mapped[str]
    media_type: Mapped[str]
    sha256: Mapped[bytes]
    size: Mapped[int]
    status: Mapped[str]
    problem: Mapped[str | None]
    queued_at: Mapped[datetime] = mapped_column(server_default=func.now())
    attempts: Mapped[int] = mapped_column(server_default="0")
    hidden_characters: Mapped[int] = mapped_column(server_default="0")
    notes: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class DocumentBody(Table):
    """The bytes of a document, apart from its row so that lists stay small."""

    __tablename__ = "document_bodies"
    document_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    owner_id: Mapped[UUID]
    body: Mapped[bytes]


class Chunk(Table):
    """A passage of a document."""

    __tablename__ = "chunks"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    tenant_id: Mapped[UUID]
    owner_id: Mapped[UUID]
    shared: Mapped[bool]
    document_id: Mapped[UUID]
    place: Mapped[int]
    section: Mapped[str]
    content: Mapped[str]


class JobReceipt(Table):
    """A job that has taken effect."""

    __tablename__ = "job_receipts"
    job_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]


class ApiKey(Table):
    """A program's way in, in one person's name."""

    __tablename__ = "api_keys"
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    tenant_id: Mapped[UUID]
    user_id: Mapped[UUID]
    name: Mapped[str]
    digest: Mapped[bytes]
    hint: Mapped[str]
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    networks: Mapped[list[str]] = mapped_column(ARRAY(CIDR))
    revoked_at: Mapped[datetime | None]


class AuditRow(Table):
    """A record of the audit trail: added, never changed."""

    __tablename__ = "audit_events"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    tenant_id: Mapped[UUID]
    user_id: Mapped[UUID]
    at: Mapped[datetime]
    carrier: Mapped[str]
    credential: Mapped[str]
    action: Mapped[str]
    object: Mapped[str | None]
    status: Mapped[int]
    request_id: Mapped[str]
    address: Mapped[str]
    milliseconds: Mapped[int]
    prompt_tokens: Mapped[int | None]
    answer_tokens: Mapped[int | None]
    cost_micros: Mapped[int | None] = mapped_column(BigInteger)
