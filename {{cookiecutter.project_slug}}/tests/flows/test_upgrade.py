"""An installation of an earlier release is brought up to date and keeps what is in it."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from pydantic import SecretBytes, SecretStr

from chatbot.config.settings import DatabaseSettings
from chatbot.database.migrating import migrate
from development.stack import Stack
from tests.doubles.database import connect

NAME = "earlier"
TENANT, ALICE = uuid4(), uuid4()
SQL = Path(__file__).parents[2] / "migrations" / "sql"


@pytest.fixture
def settings(stack: Stack) -> Iterator[DatabaseSettings]:
    """A database of its own, as the first release left it."""
    with connect(stack, "bootstrap") as outside:
        outside.execute(f"create database {NAME}")
    with connect(stack, "bootstrap", dbname=NAME) as outside:
        outside.execute((SQL / "database.sql").read_text())
    given = DatabaseSettings(
        host=str(stack.places.sockets),
        name=NAME,
        migrator_password=SecretStr(stack.secrets["database_migrator_password"]),
        context_key=SecretBytes(bytes.fromhex(stack.secrets["database_context_key"])),
        worker_context_key=SecretBytes(bytes.fromhex(stack.secrets["database_worker_context_key"])),
    )
    migrate(given, "0001")
    yield given
    with connect(stack, "bootstrap") as outside:
        outside.execute(f"drop database {NAME} with (force)")


def begin(outside: "psycopg.Connection[tuple[object, ...]]", texts: list[str]) -> UUID:
    made = outside.execute(
        "insert into chatbot.conversations (tenant_id, user_id) values (%s, %s) returning id", (TENANT, ALICE)
    ).fetchone()
    assert made is not None
    for place, text in enumerate(texts):
        outside.execute(
            "insert into chatbot.messages (tenant_id, user_id, conversation_id, author, content) values (%s, %s, %s, %s, %s)",
            (TENANT, ALICE, made[0], ("user", "assistant")[place % 2], text),
        )
    return UUID(str(made[0]))


def test_what_was_said_before_there_were_versions_becomes_one_way(stack: Stack, settings: DatabaseSettings) -> None:
    with connect(stack, "bootstrap", dbname=NAME) as outside:
        outside.execute("insert into chatbot.tenants values (%s, 'acme')", (TENANT,))
        outside.execute(
            "insert into chatbot.users (id, tenant_id, issuer, subject, name, role) values (%s, %s, 'i', 's', 'A', 'member')",
            (ALICE, TENANT),
        )
        told = {begin(outside, texts): texts for texts in (["a", "b", "c", "d"], ["e"], ["f", "g"])}
        migrate(settings)
        for conversation, texts in told.items():
            rows = outside.execute(
                "select m.content, p.content from chatbot.messages m left join chatbot.messages p on p.id = m.parent_id"
                " where m.conversation_id = %s order by m.id",
                (conversation,),
            ).fetchall()
            assert rows == list(zip(texts, [None, *texts], strict=False))
        forced = outside.execute(
            "select relname from pg_class where relnamespace = 'chatbot'::regnamespace and relkind = 'r'"
            " and not (relrowsecurity and relforcerowsecurity)"
        ).fetchall()
        assert forced == []
