"""The pools themselves: what a hostile statement leaves in a connection never meets its next user (sql-tenant)."""

import asyncio

import pytest
from sqlalchemy import text

from chatbot.config.loading import load_settings
from chatbot.config.settings import DatabaseSettings
from chatbot.database.engines import Database, WorkerDatabase
from development.stack import Stack
from tests.doubles.database import principal_of, signer
from tests.doubles.person import Person

LEFT = ["set search_path = evil", "listen leak", "prepare trap as select 1", "declare c cursor with hold for select 1",
        "select pg_advisory_lock(42)", "set statement_timeout = 77"]  # fmt: skip
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
