"""Who finds which passage, at the policies' own seam: statements under genuine contexts (vec-access)."""

from typing import Any
from uuid import UUID

import pytest

from chatbot.core.principal import Principal, Role
from development.stack import Stack
from tests.doubles.database import connect, principal_of, signer
from tests.doubles.person import Person

TABLES = ["documents", "document_bodies", "chunks", "chunk_vectors"]
NEAREST = "select count(*) from (select chunk_id from chatbot.chunk_vectors order by embedding operator(public.<#>) %s limit 5) f"
NEEDLE = "[" + ",".join(["0.05"] * 384) + "]"


@pytest.fixture
def kept(alice: Person) -> dict[str, str]:
    """Two documents of Alice's: one her own, one shared with her tenant."""
    return {
        "private": alice.upload("private.md", "# Private\n\nThe private word is woad."),
        "shared": alice.upload("shared.md", "# Shared\n\nThe shared word is weld.", shared=True),
    }


def seen(stack: Stack, role: str, who: Principal | None, statement: str, *values: object) -> Any:
    with connect(stack, role) as connection, connection.transaction():
        if who is not None:
            connection.execute("select set_config('chatbot.context', %s, true)", (signer(stack, role).sign(who),))
        row = connection.execute(statement, values).fetchone()
    assert row is not None
    return row[0]


def count(stack: Stack, who: Principal | None, table: str, document: str) -> int:
    column = {"documents": "id", "document_bodies": "document_id", "chunks": "document_id"}.get(table)
    role = "worker" if table == "document_bodies" else "api"
    if column is None:
        inner = "select count(*) from chatbot.chunk_vectors v join chatbot.chunks c on c.id = v.chunk_id where c.document_id = %s"
        return int(seen(stack, role, who, inner, document))
    return int(seen(stack, role, who, f"select count(*) from chatbot.{table} where {column} = %s", document))


@pytest.mark.parametrize("table", TABLES)
def test_a_document_is_seen_by_its_owner_and_if_shared_by_colleagues(
    stack: Stack, kept: dict[str, str], alice: Person, bob: Person, carol: Person, table: str
) -> None:
    owner, colleague, stranger = principal_of(alice, "acme"), principal_of(bob, "acme"), principal_of(carol, "globex")
    body = table == "document_bodies"  # a whole text is read by the worker, for its owner only
    for document, expected in (("private", (1, 0, 0, 0)), ("shared", (1, 0 if body else 1, 0, 0))):
        found = [count(stack, who, table, kept[document]) for who in (owner, colleague, stranger, None)]
        assert tuple(found) == expected, document


def test_a_search_by_meaning_ranks_only_what_may_be_read(stack: Stack, kept: dict[str, str]) -> None:
    assert seen(stack, "api", None, NEAREST, NEEDLE) == 0
    nobody = Principal(UUID(int=9), UUID(int=9), Role.MEMBER, "nobody")
    assert seen(stack, "api", nobody, NEAREST, NEEDLE) == 0
