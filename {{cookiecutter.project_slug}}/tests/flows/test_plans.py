"""What a statement reads does not grow with the tables, whatever PostgreSQL knew of them when it made its plan."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from chatbot.core.principal import Principal, Role
from development.stack import Stack
from tests.doubles.database import connect, empty_database, migrate_to, signer

NAME = "chatbot_unknown"
TURNS = 150
HISTORY = 12
READ = "select coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) from pg_stat_xact_user_tables where relname = 'messages'"
RECALL = "select history, follows from chatbot.recall_turn(%s, %s, 'What?', null, 0, %s, -1)"


@pytest.fixture
def unknown(stack: Stack) -> Iterator["psycopg.Connection[tuple[Any, ...]]"]:
    """The gateway's connection to a database that is new: no statistics were ever taken of its tables."""
    with connect(stack, "bootstrap") as main, empty_database(stack, NAME):
        migrate_to(stack, NAME, "heads")
        key = main.execute("select inner_pad, outer_pad from secure.role_keys where role = 'chatbot_api'").fetchone()
        with connect(stack, "bootstrap", dbname=NAME) as inside:
            inside.execute(
                "insert into secure.role_keys (role, inner_pad, outer_pad) values ('chatbot_api', %s, %s)", key
            )
        with connect(stack, "api", dbname=NAME) as connection:
            yield connection


def test_a_long_conversation_is_recalled_by_reading_what_is_recalled(
    stack: Stack, unknown: "psycopg.Connection[tuple[Any, ...]]"
) -> None:
    who = Principal(uuid4(), uuid4(), Role.MEMBER, "alice")
    context = signer(stack, "api").sign(who)
    with connect(stack, "bootstrap", dbname=NAME) as outside:
        outside.execute("insert into chatbot.tenants (id, slug) values (%s, 'acme')", (who.tenant_id,))
        outside.execute(
            "insert into chatbot.users (id, tenant_id, issuer, subject, name, role) values (%s, %s, 'i', 's', 'a', 'member')",
            (who.user_id, who.tenant_id),
        )
        row = outside.execute(
            "insert into chatbot.conversations (tenant_id, user_id) values (%s, %s) returning id",
            (who.tenant_id, who.user_id),
        ).fetchone()
    assert row
    conversation, follows, first = row[0], None, 0
    unknown.prepare_threshold = 0  # as the gateway does
    for _ in range(TURNS):
        unknown.execute(RECALL, (context, conversation, HISTORY))
        asked = unknown.execute(
            "select chatbot.store_question(%s, %s, 'What?', false, %s)", (context, conversation, follows)
        ).fetchone()
        assert asked
        answered = unknown.execute(
            "select chatbot.finish_turn(%s, %s, 'That.', '[]', 'complete', %s)", (context, conversation, asked[0])
        ).fetchone()
        assert answered
        follows, first = answered[0], first or asked[0]
    with unknown.transaction():
        before = read_so_far(unknown)
        recalled = unknown.execute(RECALL, (context, conversation, HISTORY)).fetchone()
        assert recalled
        assert (len(recalled[0]), recalled[1]) == (HISTORY, follows)
        assert read_so_far(unknown) - before <= 2 * HISTORY
    with unknown.transaction():
        unknown.execute("select set_config('chatbot.context', %s, true)", (context,))
        for through, least in ((0, HISTORY), (follows, HISTORY), (first, 2 * TURNS)):
            before = read_so_far(unknown)
            way = unknown.execute(
                "select id from chatbot.read_way(%s, %s, %s)", (conversation, through, HISTORY)
            ).fetchall()
            assert [row[0] for row in way][-1] == follows
            assert read_so_far(unknown) - before <= 4 * least


def read_so_far(connection: "psycopg.Connection[tuple[Any, ...]]") -> int:
    """Return how many messages this connection has read that are not yet in the server's sums."""
    row = connection.execute(READ).fetchone()
    return int(row[0]) if row else 0
