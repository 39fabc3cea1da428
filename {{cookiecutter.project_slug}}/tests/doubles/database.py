"""An attacker's connection to the database: one role's password, the whole text of every statement."""

from typing import Any
from uuid import UUID

import psycopg

from chatbot.core.principal import Principal, Role
from chatbot.database.context import ContextSigner
from chatbot.identity.people import tenant_id
from development.postgres import DATABASE
from development.stack import Stack
from tests.doubles.person import Person


def connect(stack: Stack, role: str, **options: Any) -> "psycopg.Connection[tuple[Any, ...]]":
    """Connect as `api`, `worker`, `migrator` or, for looking from outside, `bootstrap`."""
    user = role if role == "bootstrap" else f"chatbot_{role}"
    return psycopg.connect(
        host=str(stack.places.sockets),
        user=user,
        password=stack.secrets[f"database_{role}_password"],
        **{"autocommit": True, "dbname": DATABASE} | options,
    )


def principal_of(person: Person, tenant: str) -> Principal:
    user = UUID(person.get("/api/v1/session").json()["user"])
    return Principal(tenant_id(tenant), user, Role.MEMBER, "x")


def signer(stack: Stack, role: str) -> ContextSigner:
    return ContextSigner(bytes.fromhex(stack.secrets["database_context_key"]), f"chatbot_{role}")
