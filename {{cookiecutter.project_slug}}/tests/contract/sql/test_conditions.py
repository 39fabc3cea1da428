"""What each function of the schema `secure` asks before it answers, one condition at a time (api-auth, api-authz)."""

import hmac
from typing import Any
from uuid import UUID

import psycopg
import pytest

from development.stack import Stack
from tests.doubles.database import connect
from tests.doubles.tenants import EVERYBODY, Filled, Person, key_digest, made_id, try_statement

ACME = {person.name: person for person in EVERYBODY if person.tenant == "acme"}
MEMBER, ADMIN, COLLEAGUE = ACME["member"], ACME["admin"], ACME["colleague"]
THEIRS = Person("member", "globex")
ADDED = "insert into chatbot.users (id, tenant_id, issuer, subject, name, role) values ('{}', '{}', 'i', 's', 'n', 'member')"


def signed(filled: Filled, text: str) -> str:
    key = bytes.fromhex(filled.server.secrets["database_context_key"])
    return f"{text}|{hmac.digest(key, text.encode(), 'sha256').hex()}"


def value(filled: Filled, context: str | None, statement: str, *values: Any, role: str = "api") -> Any:
    with filled.acting(role, context), filled.outside.transaction():
        row = filled.outside.execute(statement, values).fetchone()
    return row[0] if row else None


CLAIMS = "select secure.claims()"


@pytest.mark.parametrize("context", [None, ""])
def test_without_a_context_nothing_is_claimed(filled: Filled, context: str | None) -> None:
    with filled.undone():
        assert value(filled, context, CLAIMS) is None


@pytest.mark.parametrize(
    "text", ["v2|chatbot_api|{}|{}|9999999999", "v1|chatbot_worker|{}|{}|9999999999", "v1|chatbot_api|{}|{}|1000000000"]
)
def test_a_context_that_is_signed_and_not_for_this_is_refused(filled: Filled, text: str) -> None:
    with filled.undone(), pytest.raises(psycopg.errors.InvalidAuthorizationSpecification):
        value(filled, signed(filled, text.format(MEMBER.tenant_id, MEMBER.id)), CLAIMS)
    with filled.undone():
        good = signed(filled, f"v1|chatbot_api|{MEMBER.tenant_id}|{MEMBER.id}|9999999999")
        assert value(filled, good, CLAIMS) == [MEMBER.tenant_id, MEMBER.id]


@pytest.mark.parametrize("place", range(5))
def test_a_context_that_was_changed_after_signing_is_refused(filled: Filled, place: int) -> None:
    parts = filled.context_of(COLLEAGUE).split("|")
    other = f"v2|chatbot_worker|{THEIRS.tenant_id}|{MEMBER.id}|9999999999".split("|")
    changed = "|".join([*parts[:place], other[place], *parts[place + 1 :]])
    with filled.undone(), pytest.raises(psycopg.errors.InvalidAuthorizationSpecification, match="forged"):
        value(filled, changed, CLAIMS)


@pytest.mark.parametrize("name", ACME)
def test_the_acting_role_is_the_one_that_counts(filled: Filled, name: str) -> None:
    with filled.undone():
        assert value(filled, filled.context_of(ACME[name]), "select secure.acting_role()") == ACME[name].role
        context = filled.context_of(ACME[name])
        assert value(filled, None, "select secure.standing(%s)", context) == ACME[name].role


def test_a_context_of_another_tenant_gives_a_person_no_role(filled: Filled) -> None:
    text = f"v1|chatbot_api|{THEIRS.tenant_id}|{ADMIN.id}|9999999999"
    with filled.undone():
        assert value(filled, signed(filled, text), "select secure.acting_role()") is None


FIND = "select count(*) from secure.find_key(%s, %s)"
GONE = "update chatbot.api_keys set {} where id = '" + str(made_id("living key", MEMBER.mark)) + "'"
HOLDER = "update chatbot.users set {} where id = '" + str(MEMBER.id) + "'"


def found(filled: Filled, before: str, address: str | None = "10.1.1.1", state: str = "living") -> int:
    with filled.undone() as connection:
        connection.execute("set local session_replication_role = replica")
        if before:
            connection.execute(before)
        return int(value(filled, None, FIND, key_digest(MEMBER, state), address))


@pytest.mark.parametrize("state", ["living", "revoked", "expired", "unknown"])
def test_a_key_that_does_not_live_is_not_found(filled: Filled, state: str) -> None:
    assert found(filled, "", state=state) == (1 if state == "living" else 0)


@pytest.mark.parametrize(
    ("before", "address", "expected"),
    [
        (GONE.format("networks = '{10.0.0.0/8}'"), "10.1.1.1", 1),
        (GONE.format("networks = '{11.0.0.0/8,10.1.1.1/32}'"), "10.1.1.1", 1),
        (GONE.format("networks = '{11.0.0.0/8}'"), "10.1.1.1", 0),
        (GONE.format("networks = '{10.0.0.0/8}'"), None, 0),
        ("", None, 1),
        (HOLDER.format("suspended_at = now()"), None, 0),
        (HOLDER.format("signed_in_at = now() - interval '29 days 23 hours'"), None, 1),
        (HOLDER.format("signed_in_at = now() - interval '30 days 1 hour'"), None, 0),
        # a key of somebody whom the tenant has not: the foreign key is what stops it, and this asks again
        (GONE.format(f"tenant_id = '{THEIRS.tenant_id}'"), None, 0),
        (GONE.format("expires_at = now() + interval '1 minute'"), None, 1),
    ],
)
def test_a_key_opens_from_where_it_may_for_who_is_still_there(
    filled: Filled, before: str, address: str | None, expected: int
) -> None:
    assert found(filled, before, address) == expected


def test_a_key_says_whose_it_is_and_what_they_are_now(filled: Filled) -> None:
    for person in EVERYBODY:
        with filled.undone(), filled.acting("api", None):
            rows = filled.outside.execute(
                "select id, tenant_id, user_id, role, name, scopes from secure.find_key(%s, null)",
                (key_digest(person, "living"),),
            ).fetchall()
        expected = (made_id("living key", person.mark), person.tenant_id, person.id, person.role)
        assert rows == ([(*expected, f"name {person.mark}", ["chat"])] if person.role else [])


@pytest.mark.parametrize(("ago", "noted"), [(None, True), ("2 minutes", True), ("30 seconds", False)])
def test_the_use_of_a_key_is_noted_at_most_once_a_minute(filled: Filled, ago: str | None, noted: bool) -> None:
    with filled.undone() as connection:
        if ago:
            connection.execute("update chatbot.api_keys set last_used_at = now() - %s::interval", (ago,))
        value(filled, None, FIND, key_digest(MEMBER, "living"), None)
        rows = connection.execute("select id from chatbot.api_keys where last_used_at = now()").fetchall()
    assert rows == ([(made_id("living key", MEMBER.mark),)] if noted else [])


KEYS = ("living", "revoked", "expired")


@pytest.mark.parametrize("name", ["admin", "auditor", "promoted"])
def test_who_oversees_a_tenant_sees_its_keys(filled: Filled, name: str) -> None:
    context = filled.context_of(ACME[name])
    with filled.undone(), filled.acting("api", context):
        rows = filled.outside.execute("select name from secure.keys_of(%s)", (MEMBER.id,)).fetchall()
        living = filled.outside.execute("select user_id, living from secure.living_keys()").fetchall()
    assert {row[0] for row in rows} == {f"key {state} {MEMBER.mark}" for state in ("living", "revoked")}
    assert set(living) == {(person.id, 1) for person in ACME.values()}


@pytest.mark.parametrize("name", ["member", "demoted", "suspended", "service"])
def test_who_oversees_nobody_is_told_of_no_keys(filled: Filled, name: str) -> None:
    context = filled.context_of(ACME[name])
    with filled.undone(), filled.acting("api", context):
        assert filled.outside.execute("select * from secure.keys_of(%s)", (MEMBER.id,)).fetchall() == []
        assert filled.outside.execute("select * from secure.living_keys()").fetchall() == []


@pytest.mark.parametrize("holder", [MEMBER, COLLEAGUE])
@pytest.mark.parametrize("state", KEYS)
def test_an_administrator_ends_a_living_key_of_the_named_person(filled: Filled, holder: Person, state: str) -> None:
    ended = "select id from chatbot.api_keys where revoked_at is not null"
    with filled.undone() as connection:
        connection.execute("update chatbot.api_keys set revoked_at = revoked_at - interval '1 day'")
        before = connection.execute("select id, revoked_at from chatbot.api_keys").fetchall()
        key = made_id(f"{state} key", MEMBER.mark)
        done = value(filled, filled.context_of(ADMIN), "select secure.revoke_key_of(%s, %s)", holder.id, key)
        after = connection.execute("select id, revoked_at from chatbot.api_keys").fetchall()
        good = holder is MEMBER and state == "living"
        assert done is good
        assert {row[0] for row in set(after) - set(before)} == ({key} if good else set())
        assert connection.execute(f"{ended} and id = %s", (key,)).rowcount == (1 if good or state == "revoked" else 0)


@pytest.mark.parametrize(
    ("state", "life", "changed"),
    [("living", "1 hour", True), ("living", "0", False), ("living", "-1 hour", False), ("revoked", "1 hour", False),
     ("expired", "1 hour", False)],
)  # fmt: skip
def test_a_living_key_of_one_s_own_ends_earlier(filled: Filled, state: str, life: str, changed: bool) -> None:
    every, key = "select id, expires_at from chatbot.api_keys", made_id(f"{state} key", MEMBER.mark)
    with filled.undone() as connection:
        before = set(connection.execute(every).fetchall())
        done = value(filled, filled.context_of(MEMBER), "select secure.shorten_key(%s, %s::interval)", key, life)
        after = set(connection.execute(every).fetchall())
    assert done is changed
    assert {row[0] for row in after - before} == ({key} if changed else set())


def test_a_context_of_another_tenant_shortens_no_key(filled: Filled) -> None:
    text = f"v1|chatbot_api|{THEIRS.tenant_id}|{MEMBER.id}|9999999999"
    call, key = "select secure.shorten_key(%s, interval '1 hour')", made_id("living key", MEMBER.mark)
    with filled.undone():
        assert value(filled, signed(filled, text), call, key) is False
        assert value(filled, filled.context_of(MEMBER), call, key) is True


def test_no_key_is_given_a_longer_life(filled: Filled) -> None:
    with filled.undone() as connection:
        before = connection.execute("select id, expires_at from chatbot.api_keys order by id").fetchall()
        key = made_id("living key", MEMBER.mark)
        value(filled, filled.context_of(MEMBER), "select secure.shorten_key(%s, interval '99 days')", key)
        assert connection.execute("select id, expires_at from chatbot.api_keys order by id").fetchall() == before


def test_a_right_is_changed_by_another_administrator_of_the_tenant_alone(filled: Filled) -> None:
    """The trigger by itself: no policy is asked of who has set these rows."""
    for acting in EVERYBODY:
        context = signed(filled, f"v1|bootstrap|{acting.tenant_id}|{acting.id}|9999999999")
        for changed in EVERYBODY:
            with filled.undone() as connection:
                connection.execute("select set_config('chatbot.context', %s, true)", (context,))
                done = try_statement(
                    connection, "update chatbot.users set monthly_tokens = 1 where id = %s returning id", (changed.id,)
                )
            may = acting.role == "admin" and acting.tenant == changed.tenant and acting != changed
            assert bool(done) is may, (acting, changed)


@pytest.mark.parametrize(
    ("change", "reached"),
    [
        ("update chatbot.users set name = 'x'", 1),
        (f"update chatbot.users set tenant_id = '{THEIRS.tenant_id}'", None),
        (f"update chatbot.users set id = '{UUID(int=5)}'", None),
        (ADDED.format(MEMBER.id, MEMBER.tenant_id), 1),
        (ADDED.format(UUID(int=5), MEMBER.tenant_id), None),
        (ADDED.format(MEMBER.id, THEIRS.tenant_id), None),
    ],
)
def test_the_tables_owner_writes_no_person_but_who_acts(filled: Filled, change: str, reached: int | None) -> None:
    """What enrol runs as: were its statement wrong, the policies would still hold."""
    context = signed(filled, f"v1|bootstrap|{MEMBER.tenant_id}|{MEMBER.id}|9999999999")
    with filled.undone() as connection:
        connection.execute("set local session_replication_role = replica")
        if change.startswith("insert"):
            connection.execute("delete from chatbot.users where id = %s", (MEMBER.id,))
        connection.execute("select set_config('chatbot.context', %s, true)", (context,))
        connection.execute("set local role chatbot_owner")
        try:
            with connection.transaction():
                found = connection.execute(change).rowcount
        except psycopg.errors.InsufficientPrivilege:
            found = None
        connection.execute("reset role")
    assert found == reached


def test_the_tables_owner_takes_documents_that_wait_and_counts_those_of_a_tenant(filled: Filled) -> None:
    """What claim_document and count_documents run as: were their statements wrong, the policies would still hold."""
    context = signed(filled, f"v1|bootstrap|{MEMBER.tenant_id}|{MEMBER.id}|9999999999")
    with filled.undone() as connection:
        connection.execute("update chatbot.documents set status = 'ready' where not shared")
        connection.execute("select set_config('chatbot.context', %s, true)", (context,))
        connection.execute("set local role chatbot_owner")
        seen = connection.execute(
            "select count(*) filter (where not shared), count(*) from chatbot.documents"
        ).fetchone()
        taken = connection.execute("update chatbot.documents set attempts = 1").rowcount
        ended = try_statement(connection, "update chatbot.documents set status = 'ready'")
        connection.execute("reset role")
    mine = 1  # of one's own, whatever its status
    assert (seen, taken, ended) == ((len(ACME), len(ACME) + len(EVERYBODY)), len(EVERYBODY) + mine, None)


def test_an_administrator_of_one_tenant_with_a_context_of_another_changes_nothing(filled: Filled) -> None:
    context = signed(filled, f"v1|bootstrap|{THEIRS.tenant_id}|{ADMIN.id}|9999999999")
    with filled.undone() as connection:
        connection.execute("select set_config('chatbot.context', %s, true)", (context,))
        change = "update chatbot.users set monthly_tokens = 1 where id = %s"
        assert try_statement(connection, change, (THEIRS.id,)) is None


COUNT = "select scope, waiting, documents, size from secure.count_documents('1 day', %s) order by scope"


def test_documents_are_counted_of_the_person_and_of_their_tenant(filled: Filled) -> None:
    with filled.undone() as connection:
        change = "update chatbot.documents set {} where id = %s"
        connection.execute(change.format("status = 'ready'"), (made_id("private", MEMBER.mark),))
        connection.execute(change.format("queued_at = now() - interval '2 days'"), (made_id("shared", COLLEAGUE.mark),))
        with filled.acting("api", filled.context_of(MEMBER)):
            found = connection.execute(COUNT, (False,)).fetchall()
    assert found == [("tenant", 2 * len(ACME) - 2, 2 * len(ACME), 20 * len(ACME)), ("user", 1, 2, 20)]


def test_one_at_a_time_of_a_tenant_counts_to_add_a_document(server: Stack, filled: Filled) -> None:
    """Of two uploads of colleagues the second sees the first: together they are no more than the tenant may have."""

    def count(connection: psycopg.Connection[Any], person: Person, exclusive: bool) -> int:
        connection.execute("select set_config('chatbot.context', %s, true)", (filled.context_of(person),))
        return len(connection.execute(COUNT, (exclusive,)).fetchall())

    options = {"dbname": filled.database, "options": "-c lock_timeout=200ms"}
    with connect(server, "api", **options) as first, connect(server, "api", **options) as second:
        with first.transaction():
            count(first, MEMBER, True)
            with pytest.raises(psycopg.errors.LockNotAvailable), second.transaction():
                count(second, COLLEAGUE, True)
            with second.transaction():
                assert count(second, COLLEAGUE, False) == count(second, THEIRS, True) == 2
        with second.transaction():
            assert count(second, COLLEAGUE, True) == 2
