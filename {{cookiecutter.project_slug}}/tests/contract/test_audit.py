"""The trail at its own seam: how it fails, and what the database lets nobody do (api-audit)."""

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from chatbot.core.errors import Unavailable
from chatbot.core.principal import Principal, Role
from chatbot.database.context import ContextSigner
from chatbot.monitoring import audit
from chatbot.monitoring.audit import AuditEvent, AuditTrail
from development.stack import Stack
from tests.doubles.database import connect, principal_of, signer
from tests.doubles.person import Person

TENANT = UUID(int=1)


class Writer:
    """A store that can be broken."""

    def __init__(self) -> None:
        self.broken = False
        self.written: list[Mapping[str, Any]] = []

    async def record(self, tenant: UUID, events: list[Mapping[str, Any]]) -> None:
        if self.broken:
            raise OSError("the database is away")
        self.written += events


def event(number: int) -> AuditEvent:
    return AuditEvent(TENANT, {"number": number})


def test_what_waits_is_written_in_order_and_once() -> None:
    async def action() -> None:
        writer = Writer()
        trail = AuditTrail(writer)
        for number in range(1200):
            trail.add(event(number))
        writer.broken = True
        await trail.flush()
        assert writer.written == []
        writer.broken = False
        await trail.flush()
        await trail.close()
        assert [fields["number"] for fields in writer.written] == list(range(1200))

    asyncio.run(action())


def test_nothing_is_done_that_cannot_be_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    async def action() -> None:
        writer = Writer()
        trail = AuditTrail(writer)
        writer.broken = True
        trail.add(event(1))
        await trail.flush()
        trail.require()  # for some seconds it may be a hiccup
        monkeypatch.setattr(audit, "_PATIENCE_SECONDS", 0)
        with pytest.raises(Unavailable):
            trail.require()
        writer.broken = False
        await trail.flush()
        trail.require()

    asyncio.run(action())


def test_too_many_that_wait_stop_acts_and_fill_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_MOST_WAITING", 10)
    trail = AuditTrail(Writer())
    for number in range(30):
        trail.add(event(number))
    with pytest.raises(Unavailable):
        trail.require()
    assert len(trail._waiting) == 10


# the database

ADD = (
    "insert into chatbot.audit_events (tenant_id, user_id, at, carrier, credential, action, status, request_id, address,"
    " milliseconds) values (%s, %s, now(), 'session', 'x', 'ask', 200, 'x', 'x', 1)"
)


def acting(stack: Stack, who: Principal) -> Any:
    connection = connect(stack, "api", autocommit=False)
    connection.execute("select set_config('chatbot.context', %s, true)", (signer(stack, "api").sign(who),))
    return connection


@pytest.mark.parametrize(
    "statement",
    ["delete from chatbot.audit_events", "update chatbot.audit_events set status = 200", "truncate chatbot.audit_events",
     "drop table chatbot.audit_events", "alter table chatbot.audit_events disable row level security"],
)  # fmt: skip
@pytest.mark.parametrize("role", ["api", "worker"])
def test_nobody_takes_a_record_back(alice: Person, stack: Stack, statement: str, role: str) -> None:
    with connect(stack, role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)


def test_a_person_s_own_statement_adds_no_record(alice: Person, stack: Stack) -> None:
    who = principal_of(alice, "acme")
    for user in (who.user_id, uuid4(), UUID(int=0)):
        with acting(stack, who) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(ADD, (who.tenant_id, user))


def test_the_writer_adds_to_one_tenant_only(alice: Person, stack: Stack) -> None:
    who = principal_of(alice, "acme")
    writer = Principal(who.tenant_id, UUID(int=0), Role.SERVICE, "trail")
    with acting(stack, writer) as connection:
        connection.execute(ADD, (who.tenant_id, who.user_id))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(ADD, (uuid4(), who.user_id))


def test_one_sees_one_s_own_records_and_an_administrator_the_tenant_s(
    alice: Person, person: Any, carol: Person, stack: Stack
) -> None:
    members, theirs = principal_of(alice, "acme"), principal_of(carol, "globex")
    writer = ContextSigner(bytes.fromhex(stack.secrets["database_context_key"]), "chatbot_api")
    assert writer.sign(members)
    for who, overseer in ((members, False), (theirs, False), (principal_of(person("ada"), "acme"), True)):
        with acting(stack, who) as connection:
            seen = connection.execute("select distinct tenant_id, user_id from chatbot.audit_events").fetchall()
        assert {tenant for tenant, _ in seen} <= {who.tenant_id}
        assert overseer or {user for _, user in seen} <= {who.user_id}
