"""What EXPLAIN tells about rows that a person may not read: as much as about rows that nobody has (sql-tenant).

The planner estimates from statistics of the whole table, whatever the policies say. So there are none of any column with tenant data.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.doubles.tenants import EVERYBODY, TABLES, Filled, Person, try_statement

MEMBER, THEIRS = EVERYBODY[2], Person("member", "globex")
COPIES = 40
# what differs in each copy `n` of a row, where a table allows no two alike
DIFFERS = {"api_keys": "'digest', sha256(gen_random_uuid()::text::bytea)", "chunks": "'place', 1000 + n"}
COLUMNS = (
    "select c.relname, a.attname, format_type(a.atttypid, null), a.attstattarget from pg_attribute as a"
    " join pg_class as c on c.oid = a.attrelid where c.relnamespace in ('chatbot'::regnamespace, 'secure'::regnamespace)"
    " and c.relkind in ('r', 'p', 'm') and a.attnum > 0 and not a.attisdropped order by 1, 2"
)


@pytest.fixture
def analysed(filled: Filled) -> Iterator[Filled]:
    """The database, many of whose rows are of one person of another tenant, after ANALYZE."""
    with filled.undone() as connection:
        connection.execute("set local session_replication_role = replica")
        for table in TABLES:
            if table in ("tenants", "document_bodies", "chunk_vectors", "job_receipts"):
                continue
            number = f"nextval(pg_get_serial_sequence('chatbot.{table}', 'id'))"
            kind = next(row[2] for row in columns(filled) if row[:2] == (table, "id"))
            made = {"uuid": "gen_random_uuid()", "bigint": number}[kind]
            differs = f", {DIFFERS[table]}" if table in DIFFERS else ""
            connection.execute(
                f"insert into chatbot.{table} overriding system value select r.* from generate_series(1, {COPIES}) as n,"
                f" (select * from chatbot.{table} where tenant_id = %s and {owner(table)} = %s limit 1) as t,"
                f" jsonb_populate_record(null::chatbot.{table}, to_jsonb(t)"
                f" || jsonb_build_object('id', {made}, 'n', n{differs})) as r",
                (THEIRS.tenant_id, THEIRS.id),
            )
        for table in TABLES:
            connection.execute(f"analyze chatbot.{table}")
        yield filled


def owner(table: str) -> str:
    return TABLES[table] if table != "tenants" else "id"


def columns(filled: Filled) -> list[tuple[Any, ...]]:
    return filled.outside.execute(COLUMNS).fetchall()


def test_no_column_has_statistics(filled: Filled) -> None:
    wide = [f"{table}.{column}" for table, column, _, target in columns(filled) if target != 0]
    assert not wide, "alter table … alter column … set statistics 0: EXPLAIN would tell what other tenants' rows hold"


def test_no_index_or_statistics_object_is_of_an_expression(filled: Filled) -> None:
    found = filled.outside.execute(
        "select indexrelid::regclass::text from pg_index join pg_class as c on c.oid = indrelid"
        " where c.relnamespace = 'chatbot'::regnamespace and (indexprs is not null or indpred is not null)"
        " union all select stxname::text from pg_statistic_ext"
    ).fetchall()
    assert not found, "statistics are kept of it, too: set them to 0 and add it here"


def test_nothing_is_kept_of_any_value(analysed: Filled) -> None:
    kept = analysed.outside.execute(
        "select s.starelid::regclass::text, s.staattnum from pg_statistic as s join pg_class as c on c.oid = s.starelid"
        " where c.relnamespace in ('chatbot'::regnamespace, 'secure'::regnamespace)"
    ).fetchall()
    assert not kept


ABSENT = {
    "uuid": "'00000000-0000-4000-8000-000000000099'", "text": "'nobody has this'", "bytea": "sha256('nobody has this')", "bigint": "-5",
    "integer": "-5", "smallint": "-5", "timestamp with time zone": "'1999-01-01'",
}  # fmt: skip


@pytest.mark.parametrize("table", TABLES)
def test_a_foreign_value_is_estimated_as_one_that_nobody_has(analysed: Filled, table: str) -> None:
    tried = 0
    for name, column, kind, _ in columns(analysed):
        if name != table or kind not in ABSENT:
            continue
        row = analysed.outside.execute(
            f"select quote_literal({column}) from chatbot.{table} where {'id' if table == 'tenants' else 'tenant_id'} = %s"
            f" order by {owner(table)} = %s desc, {column} limit 1",
            (THEIRS.tenant_id, THEIRS.id),
        ).fetchone()
        if row is None or row[0] is None:
            continue
        foreign = None
        for operator in ("=", "<", ">="):
            foreign, absent = (
                estimate(analysed, table, f"{column} {operator} {v}::{kind}") for v in (row[0], ABSENT[kind])
            )
            assert foreign == absent, f"{column} {operator}"
        tried += foreign is not None
    assert tried or table in ("document_bodies", "job_receipts")  # which the gateway does not read


def estimate(filled: Filled, table: str, condition: str) -> Any:
    """Return the rows and costs that EXPLAIN tells, or None when the role may not ask for the column."""
    with filled.acting("api", filled.context_of(MEMBER)):
        found = try_statement(filled.outside, f"explain (format json) select 1 from chatbot.{table} where {condition}")
    if found is None:
        return None
    plan = found[0][0] if isinstance(found[0][0], list) else json.loads(found[0][0])
    return numbers(plan[0]["Plan"])


def numbers(plan: dict[str, Any]) -> list[Any]:
    own = [plan["Node Type"], plan["Plan Rows"], round(plan["Total Cost"])]
    return own + [numbers(each) for each in plan.get("Plans", [])]
