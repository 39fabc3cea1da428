"""Who asks: the one value that every action on someone's behalf takes first."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    """What somebody may be inside one tenant. What each may do is `chatbot/identity/permissions.py`."""

    MEMBER = "member"
    ADMIN = "admin"
    AUDITOR = "auditor"  # reads what administrators read, changes nothing
    SERVICE = "service"  # a machine


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated person or machine inside one tenant.

    Identifiers are server-made; nothing in here comes from a request body, a query or a URL.
    """

    tenant_id: UUID
    user_id: UUID
    role: Role
    name: str
