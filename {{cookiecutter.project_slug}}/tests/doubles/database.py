"""An attacker's connection to the database: one role's password, the whole text of every statement."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
from alembic import command
from psycopg import sql
from sqlalchemy import URL, create_engine

from chatbot.core.principal import Principal, Role
from chatbot.database.context import ContextSigner
from chatbot.database.migrating import make_config
from chatbot.identity.people import tenant_id
from development.postgres import DATABASE
from development.stack import PROJECT, Stack
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
    key = stack.secrets["database_worker_context_key" if role == "worker" else "database_context_key"]
    return ContextSigner(bytes.fromhex(key), f"chatbot_{role}")


@contextmanager
def empty_database(stack: Stack, name: str) -> Iterator[None]:
    """Make a database beside the stack's own, prepared as an administrator does, for as long as it is needed."""
    with connect(stack, "bootstrap") as outside:
        outside.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        try:
            with connect(stack, "bootstrap", dbname=name) as inside:
                inside.execute((PROJECT / "migrations/sql/database.sql").read_bytes())
            yield
        finally:
            outside.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def migrate_to(stack: Stack, database: str, revision: str) -> None:
    """Bring a database to a revision, as its operator does."""
    password = stack.secrets["database_migrator_password"]
    options = {"host": str(stack.places.sockets), "dbname": database, "user": "chatbot_migrator", "password": password}
    engine = create_engine(URL.create("postgresql+psycopg"), connect_args=options)
    with engine.begin() as connection:
        connection.exec_driver_sql("create schema if not exists migration")
        command.upgrade(make_config(connection), revision)
    engine.dispose()
