"""Who asks: the one value that every action on someone's behalf takes first."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    """What a person may be inside one tenant."""

    MEMBER = "member"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated person inside one tenant.

    Identifiers are server-made; nothing in here comes from a request body, a query or a URL.
    """

    tenant_id: UUID
    user_id: UUID
    role: Role
    name: str
