"""Which rows each statement reaches, in everybody's name, table by table and command by command (sql-tenant, vec-access).

The gateway's role is given every right for these tests, so that the policies alone decide: a grant that is one day too
wide opens nothing. What the roles may do as they are is in test_rights.py.
"""

import json
from typing import Any

import psycopg
import pytest

from tests.contract.sql.test_functions import NAMED, UNPROVED, Caller, caller_named
from tests.doubles.tenant_rules import Row, may_read, may_state
from tests.doubles.tenants import EVERYBODY, TABLES, Connection, Filled, Person, Rows, made_id, try_statement

KEY = {"document_bodies": "document_id", "chunk_vectors": "chunk_id", "job_receipts": "job_id"}
CALLERS = [*(person.mark for person in NAMED), *UNPROVED]
MEMBER, COLLEAGUE, THEIRS = EVERYBODY[2], EVERYBODY[3], EVERYBODY[10]


@pytest.fixture(scope="module")
def before(widened: Filled) -> Rows:
    return widened.rows()


def rows_of(before: Rows, table: str) -> list[Row]:
    return [json.loads(text) for text in before[table]]


def named(table: str, rows: list[Row]) -> set[str]:
    return {str(row[KEY.get(table, "id")]) for row in rows}


def reached(filled: Filled, caller: Caller, statement: str) -> set[str]:
    with filled.acting(caller.role, caller.context):
        found = try_statement(filled.outside, statement)
    return {str(row[0]) for row in found or []}


def test_every_table_is_known_and_everybody_has_a_row(widened: Filled, before: Rows) -> None:
    found = widened.outside.execute(
        "select relname from pg_class where relnamespace = 'chatbot'::regnamespace and relkind in ('r', 'p', 'm', 'f')"
    ).fetchall()
    new = sorted({row[0] for row in found} ^ set(TABLES))
    assert not new, f"{new}: name it in TABLES of tests/doubles/tenants.py, with the column that names the owner"
    empty = [table for table in TABLES if not before[table]]
    assert not empty, f"{empty}: give everybody a row in _fill_texts of tests/doubles/tenants.py"


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("name", CALLERS)
def test_each_command_reaches_exactly_its_rows(widened: Filled, before: Rows, name: str, table: str) -> None:
    caller, key = caller_named(widened, name, "api"), KEY.get(table, "id")
    touched = {"users": "monthly_tokens = 1", "api_keys": "revoked_at = now()", "tenants": "monthly_tokens = 1"}
    statements = {
        "select": f"select {key} from chatbot.{table}",
        "update": f"update chatbot.{table} set {touched.get(table, 'tenant_id = tenant_id')} returning {key}",
        "delete": f"delete from chatbot.{table} returning {key}",
    }
    for command, statement in statements.items():
        expected = [row for row in rows_of(before, table) if may_state(caller.who, command, table, row)]
        with widened.undone() as connection:
            connection.execute("set local session_replication_role = replica")  # no foreign key stands before a policy
            assert reached(widened, caller, statement) == named(table, expected), command
        # what reads no column is not held by who may read as well
        blind = statement.split(" returning")[0] if command != "select" else f"select from chatbot.{table}"
        with widened.undone() as connection:
            connection.execute("set local session_replication_role = replica")
            with widened.acting("api", caller.context):
                assert count(connection, blind) == len(expected), command


def count(connection: Connection, statement: str) -> int:
    """Return how many rows a statement reached; none when the server refuses it."""
    try:
        with connection.transaction():
            return connection.execute(statement).rowcount
    except psycopg.Error:
        return 0


def test_a_key_is_changed_by_nothing_but_its_end(widened: Filled) -> None:
    caller = caller_named(widened, "member@acme", "api")
    for change, reached_rows in (("name = 'x'", 0), ("revoked_at = now(), name = 'x'", 1), ("revoked_at = null", 0)):
        with widened.undone() as connection, widened.acting("api", caller.context):
            assert count(connection, f"update chatbot.api_keys set {change} where expires_at > now()") == reached_rows


@pytest.mark.parametrize("role", ["api", "worker"])
@pytest.mark.parametrize("table", TABLES)
def test_what_a_role_reads_is_what_the_person_may_read(filled: Filled, table: str, role: str) -> None:
    before = filled.rows()
    for person in NAMED:
        caller = caller_named(filled, person.mark, role)
        with filled.undone():
            found = reached(filled, caller, f"select {KEY.get(table, 'id')} from chatbot.{table}")
        assert found <= named(table, [row for row in rows_of(before, table) if may_read(person, table, row)])


def moved(table: str, row: Row, owner: Person, tenant: Person) -> Row:
    """Return a copy of a row that belongs to `owner` in the tenant of `tenant`."""
    if table == "tenants":
        return row | {"id": str(tenant.tenant_id), "slug": "x"}
    column = TABLES[table]
    made: Row = row | {column: str(owner.id), "tenant_id": str(tenant.tenant_id)}
    if KEY.get(table, "id") != column and isinstance(row[KEY.get(table, "id")], str):
        made[KEY.get(table, "id")] = str(made_id("copy", f"{table}{owner.mark}{tenant.mark}"))
    return made


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("name", CALLERS)
def test_a_row_can_be_added_for_nobody_but_oneself(widened: Filled, before: Rows, name: str, table: str) -> None:
    caller = caller_named(widened, name, "api")
    row = rows_of(before, table)[0]
    # both may differ from the caller's, or one
    people = [caller.who or MEMBER, COLLEAGUE, THEIRS]
    for owner in people:
        for tenant in (people[0], THEIRS):
            added = moved(table, row, owner, tenant)
            with widened.undone() as connection, widened.acting("api", caller.context):
                refused = is_refused(connection, table, added)
            assert refused is not may_state(caller.who, "insert", table, added), added


@pytest.mark.parametrize("table", [table for table in TABLES if table not in ("tenants", "audit_events")])
@pytest.mark.parametrize("name", ["member@acme", "admin@acme"])
def test_no_row_is_given_away(widened: Filled, name: str, table: str) -> None:
    caller = caller_named(widened, name, "api")
    assert caller.who is not None
    column = TABLES[table]
    changes = [
        f"tenant_id = '{THEIRS.tenant_id}'",
        f"{column} = '{caller.who.id if table == 'users' else COLLEAGUE.id}'",
        f"tenant_id = '{THEIRS.tenant_id}', {column} = '{THEIRS.id}'",
    ]
    also = ", revoked_at = now()" if table == "api_keys" else ""
    if table == "users" and caller.who.role != "admin":
        return  # reaches no row at all
    for change in changes:
        with widened.undone() as connection:
            connection.execute("set local session_replication_role = replica")
            with (
                widened.acting("api", caller.context),
                pytest.raises(psycopg.errors.InsufficientPrivilege),
                connection.transaction(),
            ):
                connection.execute(f"update chatbot.{table} set {change}{also}")


def is_refused(connection: Connection, table: str, row: dict[str, Any]) -> bool:
    statement = (
        f"insert into chatbot.{table} overriding system value"
        f" select * from jsonb_populate_record(null::chatbot.{table}, %s::jsonb)"
    )
    row = row | ({"embedding": None} if table == "chunk_vectors" else {})
    try:
        with connection.transaction():
            connection.execute(statement, (json.dumps(row),))
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidAuthorizationSpecification):
        return True
    except psycopg.Error:
        return False  # something behind the policies
    return False
