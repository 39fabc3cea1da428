"""What the roles of the application may do besides reading and writing rows (sql-tenant).

Whatever stops or shows another tenant's work through something that has no rows: locks, statistics, write-ahead log, notifications.
"""

from fnmatch import fnmatch

import psycopg
import pytest
from psycopg import sql

from development.stack import Stack
from tests.doubles.database import connect
from tests.doubles.tenants import EVERYBODY, TABLES, Filled, made_id, try_statement

ROLES = ("api", "worker")
MEMBER, ADMIN, COLLEAGUE, THEIRS = EVERYBODY[2], EVERYBODY[0], EVERYBODY[3], EVERYBODY[10]
STRONG = ("share update exclusive", "share", "share row exclusive", "exclusive", "access exclusive")
# on tables, by (role, table): every privilege on whole tables, and those on single columns
GRANTED = {
    "api": {
        "tenants": ({"SELECT"}, {"INSERT": "id slug", "UPDATE": "monthly_tokens"}),
        "users": ({"SELECT"}, {"UPDATE": "granted_role monthly_tokens suspended_at"}),
        "conversations": (
            {"SELECT"},
            {"INSERT": "tenant_id user_id", "UPDATE": "deleted_at folder title updated_at"},
        ),
        "messages": (
            {"SELECT"},
            {"INSERT": "author citations content conversation_id outcome parent_id tenant_id user_id"},
        ),
        "documents": (
            {"SELECT"},
            {
                "INSERT": "media_type owner_id sha256 shared size tenant_id title",
                "UPDATE": "attempts problem queued_at shared status title",
            },
        ),
        "document_bodies": ({"INSERT"}, {}),
        "chunks": ({"SELECT"}, {}),
        "chunk_vectors": ({"SELECT"}, {}),
        "api_keys": (
            set(),
            {
                "INSERT": "digest expires_at hint name networks scopes tenant_id user_id",
                "SELECT": "created_at expires_at hint id last_used_at name networks revoked_at scopes tenant_id user_id",
                "UPDATE": "revoked_at",
            },
        ),
        "job_receipts": (set(), {}),
        "audit_events": (
            {"SELECT"},
            {
                "INSERT": "action address answer_tokens at carrier cost_micros credential milliseconds object prompt_tokens"
                " request_id status tenant_id user_id"
            },
        ),
    },
    "worker": {
        "documents": ({"SELECT"}, {"UPDATE": "attempts hidden_characters notes problem status"}),
        "document_bodies": ({"SELECT"}, {}),
        "chunks": ({"SELECT", "INSERT"}, {}),
        "chunk_vectors": ({"SELECT", "INSERT"}, {}),
        "job_receipts": ({"SELECT", "INSERT"}, {}),
    },
}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("table", TABLES)
def test_a_role_has_the_reviewed_rights_on_a_table_and_no_other(filled: Filled, table: str, role: str) -> None:
    values = (f"chatbot_{role}", f"chatbot.{table}")
    whole = filled.outside.execute(
        "select a.privilege_type from pg_class as c, aclexplode(c.relacl) as a"
        " where a.grantee = %s::regrole and c.oid = %s::regclass",
        values,
    ).fetchall()
    columns = filled.outside.execute(
        "select a.privilege_type, string_agg(c.attname, ' ' order by c.attname)"
        " from pg_attribute as c, aclexplode(c.attacl) as a"
        " where a.grantee = %s::regrole and c.attrelid = %s::regclass group by 1",
        values,
    ).fetchall()
    reviewed = GRANTED[role].get(table, (set(), {}))
    assert ({row[0] for row in whole}, dict(columns)) == reviewed, (
        f"say in GRANTED what chatbot_{role} may do with {table}, or change its grants"
    )


@pytest.mark.parametrize("role", ROLES)
def test_no_role_locks_a_table_against_others(filled: Filled, role: str) -> None:
    """UPDATE, DELETE, TRUNCATE or MAINTAIN on a whole table would allow every mode."""
    for table in TABLES:
        for mode in STRONG:
            with filled.undone() as connection, filled.acting(role, filled.context_of(MEMBER, role)):
                assert try_statement(connection, f"lock table chatbot.{table} in {mode} mode") is None, (table, mode)


# what any role may run: read-only, of the session's own, or refused inside
HARMLESS = {
    "its own session or transaction": "current_query currval lastval nextval setval pg_stat_get_xact_* set_config setseed"
    " pg_stat_clear_snapshot pg_stat_force_next_flush pg_sleep* pg_advisory_unlock_all pg_lock_status pg_xact_status"
    " txid_status pg_export_snapshot pg_notification_queue_usage",
    "values": "array_sample array_shuffle clock_timestamp gen_random_uuid random random_normal timeofday uuidv4 uuidv7",
    "statements that run with the caller's rights": "cursor_to_xml cursor_to_xmlschema query_to_xml query_to_xmlschema"
    " query_to_xml_and_xmlschema ts_rewrite ts_stat currtid2",
    "parts of types, indexes, languages and triggers, which no statement can call": "RI_FKey_* *handler bernoulli system"
    " dsnowball_* plpgsql_* suppress_redundant_updates_trigger tsvector_update_trigger*  unique_key_recheck amvalidate"
    " heap_tableam_handler",
    "refused to whoever owns nothing, or is no superuser": "binary_upgrade_* brin_* gin_clean_pending_list lo_*"
    " pg_clear_* pg_restore_* pg_get_sequence_data pg_sequence_last_value pg_import_system_collations pg_nextoid"
    " pg_stop_making_pinned_objects pg_extension_config_dump pg_*replication_slot* pg_logical_slot_* pg_sync_replication_slots",
    "the server's own state, in which no tenant has a part": "pg_available_wal_summaries pg_blocking_pids pg_collation_*"
    " pg_control_* pg_database_collation_actual_version pg_get_loaded_modules pg_get_multixact_members pg_get_wait_events"
    " pg_get_wal_* pg_is_* pg_isolation_test_session_is_blocked pg_jit_available pg_last_* pg_partition_* pg_prepared_xact"
    " pg_safe_snapshot_blocking_pids pg_wal_summary_contents pg_xact_commit_timestamp* pg_current_wal_*",
}
OPEN = (
    "select distinct p.proname from pg_proc as p where p.pronamespace = 'pg_catalog'::regnamespace and p.provolatile = 'v'"
    " and p.prokind <> 'a' and has_function_privilege('chatbot_{}', p.oid, 'execute') order by 1"
)


@pytest.mark.parametrize("role", ROLES)
def test_every_function_with_effects_that_a_role_may_run_was_reviewed(filled: Filled, role: str) -> None:
    reviewed = " ".join(HARMLESS.values()).split()
    found = [row[0] for row in filled.outside.execute(OPEN.format(role)).fetchall()]
    assert len(found) > 50
    unknown = [name for name in found if not any(fnmatch(name, pattern) for pattern in reviewed)]
    assert not unknown, "revoke them in migrations/sql/database.sql, or say here why they are harmless"


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    "statement",
    [
        "select pg_advisory_lock(1)", "select pg_advisory_lock_shared(1)", "select pg_try_advisory_lock(1, 2)",
        "select pg_advisory_xact_lock(1)", "select pg_try_advisory_xact_lock_shared(1)", "select pg_notify('x', 'y')",
        "select pg_logical_emit_message(false, 'x', 'y')", "select pg_logical_emit_message(true, 'x', '\\x00'::bytea)",
        "select pg_terminate_backend(1)", "select pg_cancel_backend(1)", "select lo_unlink(1)",
        "select pg_relation_size('chatbot.messages')", "select pg_total_relation_size('chatbot.messages')",
        "select pg_table_size('chatbot.messages')", "select pg_indexes_size('chatbot.messages')",
        "select pg_database_size(current_database())", "select * from pg_stat_user_tables", "select * from pg_stat_activity",
        "select * from pg_stat_user_indexes", "select * from pg_statio_user_tables", "select * from pg_stats",
        "select * from pg_stats_ext", "select * from pg_statistic", "select * from pg_statistic_ext_data",
        "select reltuples from pg_class", "select relpages from pg_class", "select relallvisible from pg_class",
        "select pg_stat_get_live_tuples('chatbot.messages'::regclass)", "select * from pg_stat_database",
    ],
)  # fmt: skip
def test_a_role_neither_stops_nor_measures_others(filled: Filled, role: str, statement: str) -> None:
    with filled.undone() as connection, filled.acting(role, filled.context_of(MEMBER, role)):
        assert try_statement(connection, statement) is None


DELETIONS = {
    ("api", "secure.delete_document(%s)"): [made_id("private", MEMBER.mark)],
    ("api", "secure.forget_conversations('0')"): [],
    ("api", "secure.forget_keys()"): [],
    ("worker", "secure.delete_chunks(%s)"): [made_id("private", MEMBER.mark)],
}


def test_what_is_deleted_is_one_s_own_and_over(filled: Filled) -> None:
    gone: dict[str, set[str]] = {}
    for (role, call), values in DELETIONS.items():
        with filled.undone() as connection:
            before = filled.rows()
            with filled.acting(role, filled.context_of(MEMBER, role)):
                connection.execute(f"select {call}", values)
            after = filled.rows()
        for table in TABLES:
            gone.setdefault(call, set()).update(f"{table} {text}" for text in before[table] - after[table])
    private, deleted = str(made_id("private", MEMBER.mark)), str(made_id("deleted", MEMBER.mark))
    chunk = str(filled.bigints["private chunk", MEMBER.mark])
    assert all(private in row or f'"chunk_id": {chunk}' in row for row in gone["secure.delete_document(%s)"])
    assert len(gone["secure.delete_document(%s)"]) == 4
    assert all(deleted in row for row in gone["secure.forget_conversations('0')"])
    assert len(gone["secure.forget_conversations('0')"]) == 3
    assert [str(made_id("expired key", MEMBER.mark)) in row for row in gone["secure.forget_keys()"]] == [True]
    assert len(gone["secure.delete_chunks(%s)"]) == 2


def test_of_revoked_keys_the_latest_twenty_stay(filled: Filled) -> None:
    with filled.undone() as connection:
        connection.execute(
            "insert into chatbot.api_keys (tenant_id, user_id, name, digest, hint, scopes, expires_at, revoked_at)"
            " select %s, %s, n::text, sha256(n::text::bytea), 'x', '{chat}', now() + interval '1 day', now() - n * interval '1 minute'"
            " from generate_series(1, 25) as n",
            (MEMBER.tenant_id, MEMBER.id),
        )
        with filled.acting("api", filled.context_of(MEMBER)):
            connection.execute("select secure.forget_keys()")
            left = connection.execute("select name from chatbot.api_keys where revoked_at is not null").fetchall()
    assert {row[0] for row in left} == {f"key revoked {MEMBER.mark}", *map(str, range(1, 20))}


def test_a_conversation_can_be_brought_back_for_its_time(filled: Filled) -> None:
    with filled.undone() as connection:
        connection.execute("update chatbot.conversations set deleted_at = now() where deleted_at is not null")
        with filled.acting("api", filled.context_of(MEMBER)):
            connection.execute("select secure.forget_conversations('10 minutes')")
            found = connection.execute("select id from chatbot.conversations where deleted_at is not null").fetchall()
    assert found == [(made_id("deleted", MEMBER.mark),)]


def test_a_lock_is_on_nothing_but_one_s_own(server: Stack, filled: Filled) -> None:
    held = "select classid, objid from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"
    taken = {}
    for person in (MEMBER, COLLEAGUE, ADMIN, EVERYBODY[8], THEIRS):
        for kind in ("keys", "documents", "people", "other"):
            with filled.undone() as connection:
                with filled.acting("api", filled.context_of(person)):
                    connection.execute("select secure.lock(%s)", (kind,))
                taken[person.mark, kind] = connection.execute(held).fetchone()
    assert {kind for (_, kind), lock in taken.items() if lock is None} == {"people", "other"}
    locks = [lock for lock in taken.values() if lock]
    assert len(locks) == len(set(locks)) == 5 * 2 + 2, "two people share a lock"
    assert taken["member@acme", "people"] is None
    with connect(server, "api", dbname=filled.database) as connection:
        connection.execute("select secure.lock('keys')")  # nobody: nothing to wait for
        assert connection.execute(held).fetchone() is None


@pytest.mark.parametrize("role", ROLES)
def test_what_a_role_can_change_of_itself_is_known(server: Stack, role: str) -> None:
    """PostgreSQL lets each role set its own password and defaults: engines.py asks for neither."""
    name = sql.Identifier(f"chatbot_{role}")
    with connect(server, role) as connection:
        for change in ("valid until 'infinity'", "connection limit 1", "nologin", "createrole", "rename to other"):
            with pytest.raises(psycopg.Error):
                connection.execute(sql.SQL("alter role {} ").format(name) + sql.SQL(change))
        for setting in ("log_statement", "session_preload_libraries", "session_replication_role", "post_auth_delay"):
            with pytest.raises(psycopg.Error):
                connection.execute(sql.SQL("alter role {} set {} = '1'").format(name, sql.Identifier(setting)))
