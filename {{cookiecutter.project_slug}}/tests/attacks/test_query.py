"""The whole text of statements on an ordinary database role (sql-tenant, sql-params, vec-access)."""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from chatbot.core.principal import Principal, Role
from chatbot.database.engines import CLEANING
from chatbot.identity.people import tenant_id
from development.stack import Stack
from tests.doubles.database import connect, principal_of, signer
from tests.doubles.goal import must_fail
from tests.doubles.person import Person
from tests.doubles.tenants import TABLES

ROLES = ("api", "worker")


@pytest.fixture
def carols_rows(carol: Person) -> Iterator[None]:
    carol.upload("c.md", "# C\n\nCarol's canary is tamarisk.", shared=True)
    carol.ask("What is Carol's canary?")
    made = carol.post("/api/v1/keys", json={"name": "rows", "scopes": ["chat"]})
    yield
    carol.change("DELETE", f"/api/v1/keys/{made.json()['id']}")


@pytest.fixture(params=ROLES)
def role(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def thief(stack: Stack, role: str, alice: Person, carols_rows: None) -> Iterator["psycopg.Connection[tuple[Any, ...]]"]:
    """A connection acting for Alice, whose every statement is the attacker's."""
    with connect(stack, role, autocommit=False) as connection:
        context = signer(stack, role).sign(principal_of(alice, "acme"))
        connection.execute("select set_config('chatbot.context', %s, false)", (context,))
        connection.commit()
        yield connection


def attempt(connection: "psycopg.Connection[tuple[Any, ...]]", statement: str) -> list[tuple[Any, ...]] | None:
    """Run a hostile statement; None when the server refuses it."""
    try:
        cursor = connection.execute(statement)
        found = cursor.fetchall() if cursor.description else []
    except psycopg.Error:
        connection.rollback()
        return None
    connection.commit()
    return list(found)


def test_every_table_with_tenant_data_forces_row_security(stack: Stack) -> None:
    with connect(stack, "bootstrap") as connection:
        rows = connection.execute(
            "select relname, relrowsecurity, relforcerowsecurity, relowner::regrole::text from pg_class"
            " where relnamespace = 'chatbot'::regnamespace and relkind in ('r', 'p', 'm', 'f')"
        ).fetchall()
    new = sorted({name for name, *_ in rows} ^ set(TABLES))
    assert not new, (
        f"{new}: name it in TABLES of tests/doubles/tenants.py, and give Carol a row of it in carols_rows here"
    )
    assert {(on, forced, owner) for _, on, forced, owner in rows} == {(True, True, "chatbot_owner")}


# what the one look-up without a context sees, as the role that nobody logs in as
BY_OWNER = {("api_keys", "found_by_digest"), ("api_keys", "use_noted"), ("users", "holder_of_a_key")}

# what the function that chooses the next document sees, as the same role: whose documents wait
WAITING = {("documents", "chosen"), ("documents", "attempted")}


def test_every_policy_asks_for_the_verified_claims(stack: Stack) -> None:
    with connect(stack, "bootstrap") as connection:
        rows = connection.execute(
            "select tablename, policyname, coalesce(qual, with_check) from pg_policies where permissive = 'PERMISSIVE'"
        ).fetchall()
        waiting = connection.execute(
            "select tablename, policyname from pg_policies where roles = '{chatbot_owner}'"
            " and qual = '(status = ''queued''::text)' and coalesce(with_check, qual) = qual"
        ).fetchall()
        own = connection.execute(
            "select tablename, policyname from pg_policies where roles = '{chatbot_owner}' and coalesce(qual, with_check) = 'true'"
        ).fetchall()
    assert (set(own), set(waiting)) == (BY_OWNER, WAITING)
    assert {table for table, *_ in rows} == set(TABLES)
    for table, name, condition in rows:
        if (table, name) in BY_OWNER | WAITING:
            continue
        assert "secure." in condition, (table, name)
        assert "current_setting" not in condition, (table, name)


def test_the_roles_are_plain(stack: Stack) -> None:
    with connect(stack, "bootstrap") as connection:
        rows = connection.execute(
            "select rolname, rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication, rolcanlogin"
            " from pg_roles where rolname like 'chatbot%'"
        ).fetchall()
    assert {name: login for name, _, login in rows} == {
        "chatbot_owner": False, "chatbot_migrator": True, "chatbot_api": True, "chatbot_worker": True,
    }  # fmt: skip
    assert not [name for name, powerful, _ in rows if powerful]


@pytest.mark.parametrize("table", TABLES)
def test_no_statement_shows_a_row_of_another_tenant(thief: Any, stack: Stack, table: str) -> None:
    with connect(stack, "bootstrap") as outside:
        column = "id" if table == "tenants" else "tenant_id"
        there = outside.execute(f"select count(*) from chatbot.{table} where {column} = %s", (_globex(),)).fetchone()
    assert table == "document_bodies" or there[0] > 0, (
        f"the attack must have something to steal: give Carol a row of {table} in carols_rows"
    )
    for statement in (
        f"select * from chatbot.{table} where {column} = '{_globex()}'",
        f"select * from chatbot.{table} t where row_security_active('chatbot.{table}') is not true",
        f"set row_security = off; select * from chatbot.{table}",
        f"select {column} from chatbot.{table} where {column} = '{_globex()}'",
    ):
        assert not attempt(thief, statement)


@pytest.mark.parametrize(
    "statement",
    [
        "set role chatbot_owner", "set session authorization chatbot_owner", "set role chatbot_migrator", "set role bootstrap",
        "select * from secure.context_key", "update secure.context_key set inner_pad = '\\x00'", "copy secure.context_key to stdout",
        "select * from secure.role_keys", "update secure.role_keys set inner_pad = '\\x00'", "copy secure.role_keys to stdout",
        "select * from secure.readings", "select * from secure.reading_times", "select * from secure.reading_turn for update",
        "alter table chatbot.messages disable row level security", "alter table chatbot.messages no force row level security",
        "drop policy own on chatbot.messages", "create policy p on chatbot.messages using (true)",
        "create or replace function secure.user_id() returns uuid language sql as $$ select null::uuid $$",
        "create function public.f() returns int language sql as 'select 1'", "create schema s", "create table public.t(x int)",
        "create table chatbot.t(x int)", "create temporary table users(x int)", "create view public.v as select 1",
        "create operator public.=== (leftarg = int, rightarg = int, function = int4eq)", "create extension dblink",
        "select pg_read_file('/etc/passwd')", "select pg_ls_dir('.')", "copy chatbot.messages to program 'id'",
        "copy chatbot.messages to '/tmp/x'", "select lo_import('/etc/passwd')", "select lo_create(0)",
        "select lo_from_bytea(0, 'x')", "alter system set log_statement = 'all'", "select pg_reload_conf()",
        "alter role chatbot_api bypassrls", "grant chatbot_owner to chatbot_api", "truncate chatbot.messages",
        "do $$ begin execute 'set role chatbot_owner'; end $$", "load 'x'", "select pg_terminate_backend(1)",
        "create database x", "create publication p for all tables", "select * from pg_authid", "select pg_stat_reset()",
        "select set_config('role', 'chatbot_owner', false)", "security label on table chatbot.messages is 'x'",
        "create trigger t before insert on chatbot.messages for each row execute function suppress_redundant_updates_trigger()",
        "create rule r as on select to chatbot.messages do instead select 1", "create event trigger e on ddl_command_end execute function x()",
        "import foreign schema x from server y into z", "select nextval('chatbot.messages_id_seq')",
        "select setval('chatbot.messages_id_seq', 1)", "select * from migration.schema_version",
    ],
)  # fmt: skip
def test_no_statement_climbs(thief: Any, statement: str) -> None:
    assert attempt(thief, statement) is None


@pytest.mark.parametrize(
    "statement",
    [
        "select digest from chatbot.api_keys", "select api_keys from chatbot.api_keys",
        "select (secure.find_key(digest, null)).* from chatbot.api_keys", "update chatbot.api_keys set digest = sha256('x')",
        "update chatbot.api_keys set revoked_at = null", "update chatbot.api_keys set revoked_at = null where revoked_at is not null",
        "update chatbot.api_keys set expires_at = now() + interval '300 days'", "update chatbot.api_keys set user_id = user_id",
        "update chatbot.api_keys set revoked_at = null where digest = digest", "select * from secure.find_key(null, null)",
        "select * from secure.find_key('\\x00', null)", "select k.* from generate_series(0, 255) n, secure.find_key(set_byte('\\x00', 0, n), '127.0.0.1') k",
    ],
)  # fmt: skip
def test_no_statement_learns_or_changes_a_key(thief: Any, alice: Person, statement: str) -> None:
    made = alice.post("/api/v1/keys", json={"name": "bait", "scopes": ["chat"]}).json()
    assert not attempt(thief, statement)
    alice.change("DELETE", f"/api/v1/keys/{made['id']}")


@pytest.mark.parametrize("forged", ["tenant", "user", "both", "none"])
def test_naming_another_principal_grants_nothing(
    thief: Any, stack: Stack, carol: Person, role: str, forged: str
) -> None:
    target = principal_of(carol, "globex")
    genuine = thief.execute("select current_setting('chatbot.context')").fetchone()[0]
    parts = genuine.split("|")
    if forged in ("tenant", "both"):
        parts[2] = str(target.tenant_id)
    if forged in ("user", "both"):
        parts[3] = str(target.user_id)
    context = "" if forged == "none" else "|".join(parts)
    thief.rollback()
    thief.execute("select set_config('chatbot.context', %s, false)", (context,))
    thief.commit()
    readable = "select * from chatbot.chunks" if role == "worker" else "select * from chatbot.messages"
    found = attempt(thief, readable) or []
    must_fail(str(target.tenant_id) in str(found), "rows of another tenant were read")
    assert not found


def test_writing_into_another_tenant_is_refused(thief: Any, carol: Person, role: str) -> None:
    target = principal_of(carol, "globex")
    who = f"'{target.tenant_id}', '{target.user_id}'"
    statements = {
        "api": [
            f"insert into chatbot.conversations (tenant_id, user_id) values ({who})",
            f"insert into chatbot.documents (tenant_id, owner_id, title, media_type, sha256, size)"
            f" values ({who}, 'x', 'text/plain', sha256('x'), 1)",
            f"insert into chatbot.users (tenant_id, id, issuer, subject, name, role) values ({who}, 'x', 'x', 'x', 'admin')",
        ],
        "worker": [
            f"insert into chatbot.job_receipts (tenant_id, user_id, job_id) values ({who}, gen_random_uuid())",
            f"insert into chatbot.chunks (tenant_id, owner_id, shared, document_id, place, section, content)"
            f" values ({who}, true, gen_random_uuid(), 0, 'x', 'x')",
        ],
    }[role]
    for statement in statements:
        assert attempt(thief, statement) is None


def test_a_person_who_is_not_enrolled_yet_cannot_choose_a_tenant(stack: Stack, carol: Person) -> None:
    newcomer = Principal(tenant_id("acme"), uuid4(), Role.MEMBER, "new")
    with connect(stack, "api") as connection, connection.transaction():
        connection.execute("select set_config('chatbot.context', %s, true)", (signer(stack, "api").sign(newcomer),))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(
                "insert into chatbot.users (id, tenant_id, issuer, subject, name, role) values (%s, %s, 'x', 'x', 'x', 'admin')",
                (newcomer.user_id, _globex()),
            )


def test_what_a_role_leaves_in_its_own_defaults_ends_with_the_next_start(stack: Stack) -> None:
    with connect(stack, "worker") as connection:
        connection.execute("alter role chatbot_worker set default_transaction_read_only = on")
    roles = (Path(__file__).parents[2] / "migrations" / "sql" / "roles.sql").read_text()
    with connect(stack, "bootstrap") as connection:
        connection.execute(roles)
    with connect(stack, "worker") as connection:
        assert connection.execute("show default_transaction_read_only").fetchone() == ("off",)


@pytest.mark.parametrize("database", ["postgres", "template1"])
def test_no_other_database_is_open(stack: Stack, role: str, database: str) -> None:
    with pytest.raises(psycopg.OperationalError):
        connect(stack, role, dbname=database)


def test_an_identifier_cannot_be_chosen_to_learn_whether_it_exists(stack: Stack, alice: Person, carol: Person) -> None:
    mine = principal_of(alice, "acme")
    with connect(stack, "api") as connection, connection.transaction():
        connection.execute("select set_config('chatbot.context', %s, true)", (signer(stack, "api").sign(mine),))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(
                "insert into chatbot.conversations (id, tenant_id, user_id) values (%s, %s, %s)",
                (carol.begin(), mine.tenant_id, mine.user_id),
            )


def test_an_own_row_cannot_hang_below_a_foreign_parent(stack: Stack, alice: Person, carol: Person) -> None:
    conversation = carol.begin()
    mine = principal_of(alice, "acme")
    with connect(stack, "api") as connection, connection.transaction():
        context = signer(stack, "api").sign(mine)
        connection.execute("select set_config('chatbot.context', %s, true)", (context,))
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            connection.execute(
                "insert into chatbot.messages (tenant_id, user_id, conversation_id, author, content)"
                " values (%s, %s, %s, 'user', 'x')",
                (mine.tenant_id, mine.user_id, conversation),
            )


@pytest.mark.parametrize(
    "left",
    [
        "set chatbot.context = 'x'", "set search_path = evil", "set role none", "prepare _pg3_0 as select 1",
        "declare c cursor with hold for select 1", "listen leak", "set statement_timeout = 1",
        "set plan_cache_mode = force_generic_plan", "set local chatbot.context = 'x'",
    ],
)  # fmt: skip
def test_nothing_left_behind_meets_the_next_user_of_a_connection(stack: Stack, left: str) -> None:
    with connect(stack, "api") as connection:
        before = connection.execute(
            "select current_setting('search_path'), current_setting('statement_timeout')"
        ).fetchone()
        connection.execute(left)
        connection.execute(CLEANING)
        assert connection.execute("select count(*) from pg_prepared_statements").fetchone() == (0,)
        assert connection.execute("select count(*) from pg_cursors").fetchone() == (0,)
        assert connection.execute("select count(*) from pg_listening_channels()").fetchone() == (0,)
        held = connection.execute(
            "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"
        )
        assert held.fetchone() == (0,)
        now = connection.execute(
            "select current_setting('search_path'), current_setting('statement_timeout')"
        ).fetchone()
        assert now == before
        assert connection.execute("select coalesce(current_setting('chatbot.context', true), '')").fetchone() == ("",)
        assert connection.execute("select count(*) from chatbot.users").fetchone() == (0,)


def acting_for(stack: Stack, person: Person, tenant: str) -> "psycopg.Connection[tuple[Any, ...]]":
    """Return a connection of the gateway's role, acting for `person`, whose every statement is the attacker's."""
    connection = connect(stack, "api", autocommit=False)
    who = Principal(tenant_id(tenant), UUID(person.user), Role.MEMBER, "x")
    connection.execute("select set_config('chatbot.context', %s, false)", (signer(stack, "api").sign(who),))
    connection.commit()
    return connection


def rights(stack: Stack, tenant: str) -> list[tuple[Any, ...]]:
    with connect(stack, "bootstrap") as outside:
        return outside.execute(
            "select u.id, u.role, u.granted_role, u.suspended_at, u.monthly_tokens, t.monthly_tokens from chatbot.users as u"
            " join chatbot.tenants as t on t.id = u.tenant_id where u.tenant_id = %s order by u.id",
            (tenant_id(tenant),),
        ).fetchall()


Enrolled = Callable[..., Person]


@pytest.mark.parametrize("role", [Role.MEMBER, Role.AUDITOR])
def test_no_statement_of_somebody_who_is_no_administrator_changes_a_right(
    stack: Stack, enrolled: Enrolled, role: Role
) -> None:
    tenant = f"rights-{role}"
    thief, victim = enrolled(stack, tenant, role), enrolled(stack, tenant)
    enrolled(stack, tenant, Role.ADMIN)
    before = rights(stack, tenant)
    forged = "r1|chatbot_api|{}|{}|admin|9999999999|{}".format(tenant_id(tenant), thief.user, "0" * 64)
    with acting_for(stack, thief, tenant) as connection:
        genuine = connection.execute("select current_setting('chatbot.context')").fetchone()[0]
        for statement in (
            "update chatbot.users set granted_role = 'admin'", "update chatbot.users set role = 'admin'",
            f"update chatbot.users set granted_role = 'admin' where id = '{thief.user}'", "update chatbot.users set name = 'x'",
            f"update chatbot.users set suspended_at = now() where id = '{victim.user}'", "update chatbot.users set monthly_tokens = 1",
            "delete from chatbot.users", f"insert into chatbot.users values ('{uuid4()}', '{tenant_id(tenant)}', 'x', 'x', 'x', 'admin')",
            f"select secure.enrol('{forged}', 'x', 'x', 'x')", f"select secure.enrol('{genuine}', 'x', 'x', 'x')",
            "select secure.enrol(null, 'x', 'x', 'x')", "alter table chatbot.users disable trigger administered",
            "select secure.guard_administration()", f"select secure.revoke_key_of('{victim.user}', id) from chatbot.api_keys",
            "set session_replication_role = replica", "update chatbot.tenants set monthly_tokens = 1",
            f"insert into chatbot.tenants (id, slug, monthly_tokens) values ('{tenant_id(tenant)}', 'x', 1) on conflict (id) do update set monthly_tokens = 1",
            "alter policy administered on chatbot.tenants using (true)",
        ):  # fmt: skip
            attempt(connection, statement)
            must_fail(rights(stack, tenant) != before, f"a right was changed: {statement}")
        if role is Role.MEMBER:
            for statement in (
                "select * from secure.living_keys()", f"select * from secure.keys_of('{victim.user}')",
                f"select * from chatbot.users where id = '{victim.user}'",
            ):  # fmt: skip
                assert not attempt(connection, statement), statement


def test_an_administrator_s_statement_reaches_no_other_tenant_and_not_their_own_rights(
    stack: Stack, enrolled: Enrolled
) -> None:
    admin, victim = enrolled(stack, "here", Role.ADMIN), enrolled(stack, "there")
    before = rights(stack, "there"), [row for row in rights(stack, "here") if str(row[0]) == admin.user]
    with connect(stack, "bootstrap") as outside:
        key = outside.execute("select id from chatbot.api_keys where user_id = %s", (victim.user,)).fetchone()[0]
    with acting_for(stack, admin, "here") as connection:
        for statement in (
            f"update chatbot.users set granted_role = 'admin' where id = '{victim.user}'", "update chatbot.users set suspended_at = now()",
            f"update chatbot.users set granted_role = 'member' where id = '{admin.user}'",
            f"update chatbot.users set tenant_id = '{tenant_id('here')}'", f"select secure.revoke_key_of('{victim.user}', '{key}')",
            f"select secure.enrol('', 'x', 'x', 'x') where '{victim.user}' <> ''",
        ):  # fmt: skip
            attempt(connection, statement)
        assert not attempt(connection, f"select * from secure.keys_of('{victim.user}')")
    assert (rights(stack, "there"), [row for row in rights(stack, "here") if str(row[0]) == admin.user]) == before
    assert victim.get("/api/v1/session").status_code == 200
    with connect(stack, "bootstrap") as outside:
        assert outside.execute("select revoked_at from chatbot.api_keys where id = %s", (key,)).fetchone() == (None,)


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
def test_two_administrators_who_demote_each_other_at_once_leave_one(
    stack: Stack, enrolled: Enrolled, isolation: str
) -> None:
    """The statements take no lock of their own: the table's trigger is what holds."""
    tenant = f"race-{isolation.replace(' ', '-')}"
    two = [enrolled(stack, tenant, Role.ADMIN) for _ in range(2)]
    together = Barrier(2)

    def demote(place: int) -> None:
        with acting_for(stack, two[place], tenant) as connection:
            connection.execute(f"set transaction isolation level {isolation}")
            connection.execute("select count(*) from chatbot.users")
            together.wait(10)
            attempt(connection, f"update chatbot.users set granted_role = 'member' where id = '{two[1 - place].user}'")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(demote, range(2)))
    left = [row for row in rights(stack, tenant) if (row[2] or row[1]) == "admin" and row[3] is None]
    assert len(left) == 1


INJECTIONS = ["' OR 1=1 --", "'; DROP TABLE chatbot.messages; --", "\\'; select 1; --", "$$; select 1; $$", "%s %(x)s :x {0}",
              "x') UNION SELECT inner_pad FROM secure.context_key --", "a & b | !c <-> d:*", "'::tsquery || 'x", "\\"]  # fmt: skip


@pytest.mark.parametrize("text", INJECTIONS)
def test_hostile_text_stays_text_everywhere(alice: Person, text: str) -> None:
    answer = alice.ask(text)
    shown = alice.get(f"/api/v1/conversations/{answer.conversation}").json()
    assert shown["messages"][0]["text"] == text
    document = alice.upload("inject.md", f"# {text}\n\n{text} marjoram")
    assert alice.ask(f"marjoram {text}").events[-1][0] == "end"
    assert alice.change("DELETE", f"/api/v1/documents/{document}").status_code == 204


@pytest.mark.parametrize("text", INJECTIONS)
def test_hostile_text_as_a_file_name_stays_a_label(alice: Person, text: str) -> None:
    name = f"a {text}.md".replace("/", "").replace("\\", "")
    document = alice.upload(name, "Text.")
    assert name.strip() in [entry["title"] for entry in alice.get("/api/v1/documents").json()]
    assert alice.change("DELETE", f"/api/v1/documents/{document}").status_code == 204


def test_two_tenants_alternating_on_the_same_connections_never_mix(
    alice: Person, carol: Person, person: Callable[[str], Person]
) -> None:
    alice.upload("own.md", "# Own\n\nThe sorrel key belongs to Alice.")
    carol.upload("own.md", "# Own\n\nThe sorrel key belongs to Carol.")
    for _ in range(20):
        assert "Carol" not in str(alice.ask("Who owns the sorrel key?").events)
        assert "Alice" not in str(carol.ask("Who owns the sorrel key?").events)


def _globex() -> str:
    return str(tenant_id("globex"))


@pytest.mark.parametrize("role", ["api", "worker"])
def test_no_statement_erases_a_trace(alice: Person, stack: Stack, role: str) -> None:
    who = principal_of(alice, "acme")
    writer = Principal(who.tenant_id, UUID(int=0), Role.SERVICE, "trail")
    event = '[{"user":"%s","at":1,"carrier":"session","credential":"x","action":"theft","status":200,"request":"x",'
    event = event % who.user_id + '"address":"x","milliseconds":1}]'
    with connect(stack, "api") as trail:
        trail.execute("select chatbot.record_events(%s, %s)", (signer(stack, "api").sign(writer), event))
    for statement in (
        "delete from chatbot.audit_events",
        "update chatbot.audit_events set action = 'nothing'",
        "truncate chatbot.audit_events",
    ):
        with connect(stack, role, autocommit=False) as connection:
            connection.execute("select set_config('chatbot.context', %s, true)", (signer(stack, role).sign(who),))
            with contextlib.suppress(psycopg.Error):
                connection.execute(statement)
                connection.commit()
    with connect(stack, "bootstrap") as outside:
        (kept,) = outside.execute("select count(*) from chatbot.audit_events where action = 'theft'").fetchone()
    must_fail(not kept, "a record was erased or changed")
