"""An installation that has data is brought up to date without losing any."""

import hashlib
from collections.abc import Iterator

import pytest

from development.stack import Stack
from tests.doubles.database import connect, empty_database, migrate_to

NAME = "chatbot_before"
TEXTS = ["# Plain\n\nText.", "äöü 🙂 \u2028\t\\x41 \\000 '\"", ""]
OWNER = "00000000-0000-0000-0000-00000000000"


@pytest.fixture
def database(stack: Stack) -> Iterator[str]:
    """An empty database beside the stack's own, prepared as an administrator does."""
    with empty_database(stack, NAME):
        yield NAME


def test_texts_of_the_first_release_are_kept_as_their_bytes(stack: Stack, database: str) -> None:
    migrate_to(stack, database, "0001")
    with connect(stack, "bootstrap", dbname=database) as outside:
        outside.execute("insert into chatbot.tenants (id, slug) values (%s, 'acme')", (f"{OWNER}1",))
        outside.execute(
            "insert into chatbot.users (id, tenant_id, issuer, subject, name, role) values (%s, %s, 'i', 's', 'n', 'member')",
            (f"{OWNER}2", f"{OWNER}1"),
        )
        for place, text in enumerate(TEXTS):
            values = (
                f"{OWNER}1",
                f"{OWNER}2",
                f"{place}.md",
                hashlib.sha256(text.encode()).digest(),
                len(text.encode()),
            )
            row = outside.execute(
                "insert into chatbot.documents (tenant_id, owner_id, title, media_type, sha256, size)"
                " values (%s, %s, %s, 'text/markdown', %s, %s) returning id",
                values,
            ).fetchone()
            assert row
            outside.execute("insert into chatbot.document_bodies values (%s, %s, %s, %s)", (row[0], *values[:2], text))
    with connect(stack, "migrator", dbname=database) as owner:
        # the migration runs under row-level security, which shows the tables' owner nothing
        assert owner.execute("select count(*) from chatbot.document_bodies").fetchone() == (0,)
    migrate_to(stack, database, "heads")
    with connect(stack, "bootstrap", dbname=database) as outside:
        found = outside.execute(
            "select b.body, d.sha256, d.size, d.hidden_characters from chatbot.documents d"
            " join chatbot.document_bodies b on b.document_id = d.id order by d.title"
        ).fetchall()
    assert [row[0].decode() for row in found] == TEXTS
    assert all((hashlib.sha256(body).digest(), len(body), 0) == tuple(told) for body, *told in found)
