"""Two tenants with people of every standing and rows in every table, in a database of their own made by the migrations.

Every text of a row names its owner (`member@acme`), so that whatever a statement returns says whose it was.
"""

import contextlib
import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid5

import psycopg

from chatbot.core.principal import Principal, Role
from chatbot.database.context import ContextSigner, key_pads
from chatbot.identity.people import tenant_id
from development.places import CannotStart
from development.stack import Stack
from tests.doubles.database import connect, empty_database, migrate_to, signer

NAME = "chatbot_filled"
TENANTS = ("acme", "globex")
# what the identity provider says, what an administrator granted, and whether they were suspended
PEOPLE: dict[str, tuple[str, str | None, bool]] = {
    "admin": ("admin", None, False),
    "auditor": ("auditor", None, False),
    "member": ("member", None, False),
    "colleague": ("member", None, False),
    "promoted": ("member", "admin", False),
    "demoted": ("admin", "member", False),
    "suspended": ("admin", None, True),
    "service": ("service", None, False),
}
TABLES = {
    "tenants": "id",
    "users": "id",
    "conversations": "user_id",
    "messages": "user_id",
    "documents": "owner_id",
    "document_bodies": "owner_id",
    "chunks": "owner_id",
    "chunk_vectors": "owner_id",
    "api_keys": "user_id",
    "job_receipts": "user_id",
    "audit_events": "user_id",
}
VECTOR = "[" + ",".join(["0.05"] * 384) + "]"
Connection = psycopg.Connection[tuple[Any, ...]]
Rows = dict[str, set[str]]  # of each table, as text


@dataclass(frozen=True)
class Person:
    """Somebody of a tenant."""

    name: str
    tenant: str

    @property
    def mark(self) -> str:
        return f"{self.name}@{self.tenant}"

    @property
    def id(self) -> UUID:
        return UUID(int=0) if self.name == "trail" else made_id("user", self.mark)

    @property
    def tenant_id(self) -> UUID:
        return tenant_id(self.tenant)

    @property
    def role(self) -> str | None:
        """What counts: nothing for somebody suspended."""
        given, granted, suspended = PEOPLE.get(self.name, (None, None, False))
        return None if suspended else granted or given

    @property
    def principal(self) -> Principal:
        return Principal(self.tenant_id, self.id, Role.MEMBER, self.mark)


# whom the database does not know: a person not yet noted, and the writer of the audit trail
KEYS = {
    "chatbot_api": "database_context_key",
    "chatbot_worker": "database_worker_context_key",
    "bootstrap": "database_context_key",
}
STRANGER, TRAIL = Person("stranger", "acme"), Person("trail", "acme")
EVERYBODY = tuple(Person(name, tenant) for tenant in TENANTS for name in PEOPLE)


def made_id(kind: str, name: str) -> UUID:
    return uuid5(UUID(int=1), f"{kind}|{name}")


def key_digest(owner: Person, state: str) -> bytes:
    return hashlib.sha256(f"{state}|{owner.mark}".encode()).digest()


@contextlib.contextmanager
def database_server(state: Any) -> Iterator[Stack]:
    """Run the database of a stack and none of its other parts."""
    server = Stack(state, say=lambda line: None)
    try:
        server.postgres.start(server._keep)
        yield server
    except CannotStart:
        raise
    finally:
        server.stop()
        shutil.rmtree(state, ignore_errors=True)


@dataclass
class Filled:
    """The database, and one connection of its administrator who can be anybody within a transaction."""

    server: Stack
    database: str
    outside: Connection
    bigints: dict[tuple[str, str], int] = field(default_factory=dict)  # what the database numbered

    def signer(self, role: str) -> ContextSigner:
        return signer(self.server, role)

    @contextlib.contextmanager
    def undone(self) -> Iterator[Connection]:
        """Yield the administrator's connection in a transaction that leaves nothing."""
        with contextlib.suppress(psycopg.Rollback), self.outside.transaction():
            yield self.outside
            raise psycopg.Rollback

    @contextlib.contextmanager
    def acting(self, role: str, context: str | None) -> Iterator[Connection]:
        """Be a role of the application, with a row context, until the end of the block."""
        self.outside.execute(f"set local session authorization chatbot_{role}")
        if context is not None:
            self.outside.execute("select set_config('chatbot.context', %s, true)", (context,))
        try:
            yield self.outside
        finally:
            self.outside.execute("reset session authorization; select set_config('chatbot.context', '', true)")

    def context_of(self, person: Person, role: str = "api") -> str:
        return self.signer(role).sign(person.principal)

    def rows(self) -> Rows:
        """Return every row of every table with tenant data, as the administrator sees them."""
        return {table: {row[0] for row in self.outside.execute(_image(table)).fetchall()} for table in TABLES}


def _image(table: str) -> str:
    shown = "to_jsonb(t) - 'embedding' || jsonb_build_object('embedding', md5(t.embedding::text))"
    return f"select ({shown if table == 'chunk_vectors' else 'to_jsonb(t)'})::text from chatbot.{table} as t"


def try_statement(connection: Connection, statement: str, values: Any = None) -> list[tuple[Any, ...]] | None:
    """Run a statement; None when the server refuses it."""
    try:
        with connection.transaction():
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []
    except psycopg.Error:
        return None


@contextlib.contextmanager
def filled_database(server: Stack, name: str = NAME) -> Iterator[Filled]:
    with empty_database(server, name):
        migrate_to(server, name, "heads")
        with connect(server, "bootstrap", dbname=name) as outside:
            filled = Filled(server, name, outside)
            fill(filled)
            yield filled


def fill(filled: Filled) -> None:
    """Write the people and their rows, past every policy."""
    # the administrator of these tests acts in people's names, too
    filled.outside.execute("alter table secure.role_keys drop constraint role_keys_role_check")
    for role, name in KEYS.items():
        row = (role, *key_pads(bytes.fromhex(filled.server.secrets[name])))
        filled.outside.execute("insert into secure.role_keys (role, inner_pad, outer_pad) values (%s, %s, %s)", row)
    with filled.outside.transaction():
        filled.outside.execute("set local session_replication_role = replica")  # no trigger: they ask who is acting
        for tenant in TENANTS:
            filled.outside.execute(
                "insert into chatbot.tenants (id, slug) values (%s, %s)", (tenant_id(tenant), tenant)
            )
        for person in EVERYBODY:
            _fill_person(filled.outside, person)
    with filled.outside.transaction():
        for person in EVERYBODY:
            _fill_texts(filled, person)
            _fill_keys(filled.outside, person)


def _fill_person(outside: Connection, person: Person) -> None:
    given, granted, suspended = PEOPLE[person.name]
    outside.execute(
        "insert into chatbot.users (id, tenant_id, issuer, subject, name, role, granted_role, suspended_at)"
        " values (%s, %s, %s, %s, %s, %s, %s, case when %s then now() end)",
        (
            person.id,
            person.tenant_id,
            "https://i",
            f"subject {person.mark}",
            f"name {person.mark}",
            given,
            granted,
            suspended,
        ),
    )


def _fill_texts(filled: Filled, person: Person) -> None:
    outside, who = filled.outside, (person.tenant_id, person.id)
    for state in ("living", "deleted"):
        conversation = made_id(state, person.mark)
        outside.execute(
            "insert into chatbot.conversations (id, tenant_id, user_id, title, folder, deleted_at)"
            " values (%s, %s, %s, %s, %s, case when %s then now() end)",
            (conversation, *who, f"title {state} {person.mark}", f"folder {state} {person.mark}", state == "deleted"),
        )
        parent = None
        for author in ("user", "assistant"):
            parent = _returned(
                outside,
                "insert into chatbot.messages (tenant_id, user_id, conversation_id, parent_id, author, content)"
                " values (%s, %s, %s, %s, %s, %s) returning id",
                (*who, conversation, parent, author, f"{author} {state} {person.mark}"),
            )
            filled.bigints[f"{state} {author}", person.mark] = parent
    for state in ("private", "shared"):
        document, shared = made_id(state, person.mark), state == "shared"
        outside.execute(
            "insert into chatbot.documents (id, tenant_id, owner_id, shared, title, media_type, sha256, size)"
            " values (%s, %s, %s, %s, %s, 'text/plain', sha256(%s), 10)",
            (document, *who, shared, f"title {state} {person.mark}", f"{state} {person.mark}".encode()),
        )
        outside.execute(
            "insert into chatbot.document_bodies (document_id, tenant_id, owner_id, body) values (%s, %s, %s, %s)",
            (document, *who, person.mark.encode()),
        )
        chunk = _returned(
            outside,
            "insert into chatbot.chunks (tenant_id, owner_id, shared, document_id, place, section, content)"
            " values (%s, %s, %s, %s, 0, %s, %s) returning id",
            (*who, shared, document, f"section {state} {person.mark}", f"canary {state} {person.mark}"),
        )
        filled.bigints[f"{state} chunk", person.mark] = chunk
        outside.execute(
            "insert into chatbot.chunk_vectors (chunk_id, tenant_id, owner_id, shared, embedding) values (%s, %s, %s, %s, %s)",
            (chunk, *who, shared, VECTOR),
        )
    outside.execute(
        "insert into chatbot.job_receipts (job_id, tenant_id, user_id) values (%s, %s, %s)",
        (made_id("job", person.mark), *who),
    )
    outside.execute(
        "insert into chatbot.audit_events (tenant_id, user_id, at, carrier, credential, action, status, request_id, address,"
        " milliseconds) values (%s, %s, now(), 'session', %s, 'act', 200, 'r', 'a', 1)",
        (*who, f"credential {person.mark}"),
    )


def _fill_keys(outside: Connection, person: Person) -> None:
    for state, made, ends, revoked in (
        ("living", "0", "10 days", False),
        ("revoked", "0", "10 days", True),
        ("expired", "20 days", "-1 day", False),
    ):
        outside.execute(
            "insert into chatbot.api_keys (id, tenant_id, user_id, name, digest, hint, scopes, created_at, expires_at, revoked_at)"
            " values (%s, %s, %s, %s, %s, %s, '{chat}', now() - %s::interval, now() + %s::interval, case when %s then now() end)",
            (
                made_id(f"{state} key", person.mark),
                person.tenant_id,
                person.id,
                f"key {state} {person.mark}",
                key_digest(person, state),
                person.name,
                made,
                ends,
                revoked,
            ),
        )


def _returned(outside: Connection, statement: str, values: Any) -> int:
    row = outside.execute(statement, values).fetchone()
    assert row is not None
    return int(row[0])
