"""The pools themselves: what a hostile statement leaves in a connection never meets its next user (sql-tenant)."""

import asyncio
import contextlib
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import event, text

from chatbot.config.loading import load_settings
from chatbot.config.settings import DatabaseSettings
from chatbot.core.errors import Unavailable
from chatbot.database.calls.pool import FixedCalls
from chatbot.database.engines import Database, WorkerDatabase
from development.postgres import DATABASE
from development.stack import PROJECT, Stack
from tests.doubles.database import connect, principal_of, signer
from tests.doubles.person import Person

LEFT = ["set search_path = evil", "listen leak", "prepare trap as select 1", "declare c cursor with hold for select 1",
        "set statement_timeout = 77"]  # fmt: skip
FOUND = text(
    "select pg_backend_pid(), current_setting('search_path') = 'evil' or current_setting('statement_timeout') = '77ms'"
    " or exists (select from pg_prepared_statements) or exists (select from pg_cursors)"
    " or exists (select from pg_listening_channels())"
    " or exists (select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid())"
)


def settings_of(stack: Stack, part: str) -> DatabaseSettings:
    environment = {name: value for name, value in stack.environment(part).items() if name.startswith("CHATBOT")}
    return load_settings(environment).database.model_copy(update={"pool_size": 1})


@pytest.mark.parametrize("left", LEFT)
def test_the_gateway_s_pool_cleans_what_is_returned(stack: Stack, alice: Person, left: str) -> None:
    async def attack() -> None:
        database = Database(settings_of(stack, "gateway"), signer(stack, "api"), stack.secrets["database_api_password"])
        who = principal_of(alice, "acme")
        try:
            async with database.acting_for(who) as connection:
                first = await connection.scalar(text("select pg_backend_pid()"))
                await connection.execute(text(left))
            async with database.acting_for(who) as connection:
                assert tuple((await connection.execute(FOUND)).one()) == (first, False)
        finally:
            await database.close()

    asyncio.run(attack())


@pytest.mark.parametrize("left", LEFT)
def test_the_worker_s_pool_cleans_what_is_returned(stack: Stack, alice: Person, left: str) -> None:
    database = WorkerDatabase(
        settings_of(stack, "worker"), signer(stack, "worker"), stack.secrets["database_worker_password"], "english"
    )
    who = principal_of(alice, "acme")
    try:
        with database.acting_for(who) as connection:
            first = connection.scalar(text("select pg_backend_pid()"))
            connection.execute(text(left))
        with database.acting_for(who) as connection:
            assert tuple(connection.execute(FOUND).one()) == (first, False)
    finally:
        database._engine.dispose()


LEFT_IN_ROLE = {
    "local_preload_libraries": "nosuch", "statement_timeout": "1ms", "transaction_timeout": "1ms",
    "default_transaction_read_only": "on", "search_path": "evil", "restrict_nonsystem_relation_kind": "view",
    "idle_session_timeout": "1ms",
}  # fmt: skip


@pytest.fixture(params=LEFT_IN_ROLE)
def left_in_role(stack: Stack, request: pytest.FixtureRequest) -> Iterator[str]:
    """One of the role's own defaults, changed by a statement of the role's, for this database and for all."""
    name, value = request.param, LEFT_IN_ROLE[request.param]
    with connect(stack, "api") as thief:
        for where in ("", f" in database {DATABASE}"):
            thief.execute(f"alter role chatbot_api{where} set {name} = '{value}'")
    yield name
    with connect(stack, "bootstrap") as outside:
        for where in ("", f" in database {DATABASE}"):
            outside.execute(f"alter role chatbot_api{where} reset all")
        outside.execute((PROJECT / "migrations/sql/roles.sql").read_text())


def test_what_a_role_s_defaults_were_changed_to_stops_no_later_connection(
    stack: Stack, alice: Person, left_in_role: str
) -> None:
    who, secret = principal_of(alice, "acme"), stack.secrets["database_api_password"]
    settings = settings_of(stack, "gateway")

    async def ordinary() -> str:
        database = Database(settings, signer(stack, "api"), secret)
        try:
            with contextlib.suppress(Unavailable):  # the one that finds it is not used
                async with database.acting_for(who) as connection:
                    await connection.execute(text("select 1"))
            async with database.acting_for(who) as connection:
                return str(await connection.scalar(text(f"select current_setting('{left_in_role}')")))
        finally:
            await database.close()

    async def fixed() -> str:
        calls = FixedCalls(settings.model_copy(update={"pool_size": 2}), "chatbot_api", secret, "english")
        with contextlib.suppress(OSError):
            await calls.open()
        await calls.open()
        try:
            row = await calls.row("select current_setting($1)", left_in_role)
            return str(row[0]) if row else ""
        finally:
            await calls.close()

    for found in (asyncio.run(ordinary()), asyncio.run(fixed())):
        assert found not in (LEFT_IN_ROLE[left_in_role], "1ms")


def test_a_changed_default_that_no_session_names_is_taken_away(stack: Stack, alice: Person) -> None:
    changed = "select count(*) from pg_db_role_setting where 'enable_indexscan=off' = any (setconfig)"
    who, secret = principal_of(alice, "acme"), stack.secrets["database_api_password"]

    async def connect_twice() -> list[str]:
        seen = []
        for opened in range(2):
            database = Database(settings_of(stack, "gateway"), signer(stack, "api"), secret)
            try:
                async with database.acting_for(who) as connection:
                    seen.append(f"{opened} {await connection.scalar(text('show enable_indexscan'))}")
            except Unavailable:
                seen.append(f"{opened} refused")
            finally:
                await database.close()
        return seen

    with connect(stack, "api") as thief, connect(stack, "bootstrap") as outside:
        thief.execute("alter role chatbot_api set enable_indexscan = off")
        assert outside.execute(changed).fetchone() == (1,)
        assert asyncio.run(connect_twice()) == ["0 refused", "1 on"]
        assert outside.execute(changed).fetchone() == (0,)


def test_a_check_before_the_worker_forks_leaves_no_connection_that_its_processes_would_share(stack: Stack) -> None:
    """Two processes at one connection read each other's answers: rows of another tenant among them."""
    password = stack.secrets["database_worker_password"]
    database = WorkerDatabase(settings_of(stack, "worker"), signer(stack, "worker"), password, "english")
    opened: list[int] = []
    event.listen(database._engine, "connect", lambda connection, _: opened.append(connection.info.backend_pid))
    database.check()
    assert len(opened) == 1
    with connect(stack, "bootstrap") as outside:
        end = time.monotonic() + 20
        while outside.execute("select from pg_stat_activity where pid = any(%s)", (opened,)).fetchone():
            assert time.monotonic() < end, "the connection is still open"
            time.sleep(0.01)  # polling a server's state: it notices the end a moment later
