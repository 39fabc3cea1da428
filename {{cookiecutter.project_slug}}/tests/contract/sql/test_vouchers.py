"""What the provider said at a sign-in is believed as it was signed, and only then (api-authz, acc-identity)."""

import hashlib
import hmac
from typing import Any

import psycopg
import pytest

from chatbot.core.principal import Principal, Role
from tests.doubles.tenants import EVERYBODY, STRANGER, Filled, Person

ENROL = "select role, changed, monthly_tokens from secure.enrol(%s, %s, %s, %s)"
IDENTITY = ("https://i", "subject new", "name new")
MEMBER, SUSPENDED = EVERYBODY[2], EVERYBODY[6]


def enrol(filled: Filled, who: Person, voucher: str | None, identity: tuple[str, ...] = IDENTITY) -> Any:
    with filled.acting("api", filled.context_of(who)), filled.outside.transaction():
        return filled.outside.execute(ENROL, (voucher, *identity)).fetchone()


def principal(who: Person, role: Role = Role.MEMBER, name: str = IDENTITY[2]) -> Principal:
    return Principal(who.tenant_id, who.id, role, name)


def vouched(filled: Filled, who: Person, role: Role = Role.MEMBER) -> str:
    return filled.signer("api").vouch(principal(who, role), *IDENTITY[:2])


def changed(filled: Filled, voucher: str, place: int, text: str) -> str:
    """Return a voucher that says something else in one place, signed as a genuine one."""
    parts = voucher.split("|")[:-1]
    parts[place] = text
    key = bytes.fromhex(filled.server.secrets["database_context_key"])
    claims = "|".join(parts)
    return f"{claims}|{hmac.digest(key, claims.encode(), 'sha256').hex()}"


@pytest.mark.parametrize("who", [*(person for person in EVERYBODY if person.tenant == "acme"), STRANGER])
def test_a_sign_in_is_noted_for_the_person_alone(filled: Filled, who: Person) -> None:
    with filled.undone() as connection:
        others = "select to_jsonb(u)::text from chatbot.users as u where id <> %s"
        before = set(connection.execute(others, (who.id,)).fetchall())
        connection.execute("set local session_replication_role = replica")
        connection.execute("update chatbot.users set monthly_tokens = 7 where id = %s", (who.id,))
        connection.execute("set local session_replication_role = origin")
        found = enrol(filled, who, vouched(filled, who, Role.AUDITOR))
        row = connection.execute("select issuer, subject, name, role from chatbot.users where id = %s", (who.id,))
        issuer, subject, name, role = row.fetchone() or ()
        assert set(connection.execute(others, (who.id,)).fetchall()) == before
    granted = {"promoted": "admin", "demoted": "member", "suspended": None}.get(who.name, "auditor")
    was = {"suspended": "admin", "stranger": "auditor"}.get(who.name, who.role)
    now = "auditor" if who is SUSPENDED else granted
    assert found == (granted, was != now, None if who is STRANGER else 7)
    assert (name, role) == (IDENTITY[2], "auditor")
    # who somebody is at the provider is written once: their identifier was made from it
    assert (issuer, subject) == (IDENTITY[:2] if who is STRANGER else (IDENTITY[0], f"subject {who.mark}"))


@pytest.mark.parametrize("place", range(3))
def test_a_voucher_is_for_one_issuer_subject_and_name(filled: Filled, place: int) -> None:
    identity = tuple("other" if at == place else text for at, text in enumerate(IDENTITY))
    with filled.undone(), pytest.raises(psycopg.errors.InvalidAuthorizationSpecification):
        enrol(filled, MEMBER, vouched(filled, MEMBER), identity)


def test_what_is_vouched_for_cannot_be_cut_elsewhere(filled: Filled) -> None:
    joined = (IDENTITY[0] + IDENTITY[1], "", IDENTITY[2])
    with filled.undone(), pytest.raises(psycopg.errors.InvalidAuthorizationSpecification):
        enrol(filled, MEMBER, vouched(filled, MEMBER), joined)


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (0, "v1"), (1, "chatbot_worker"), (2, str(EVERYBODY[-1].tenant_id)), (3, str(EVERYBODY[0].id)),
        (5, "1000000000"), (6, hashlib.sha256(b"x").hexdigest()),
    ],
)  # fmt: skip
def test_a_voucher_that_is_signed_and_not_for_this_is_refused(filled: Filled, place: int, text: str) -> None:
    with filled.undone():
        same = vouched(filled, MEMBER).split("|")[place]
        assert enrol(filled, MEMBER, changed(filled, vouched(filled, MEMBER), place, same))
    with filled.undone(), pytest.raises(psycopg.errors.InvalidAuthorizationSpecification):
        enrol(filled, MEMBER, changed(filled, vouched(filled, MEMBER), place, text))


@pytest.mark.parametrize("kind", ["none", "empty", "context", "role"])
def test_a_voucher_that_nobody_signed_is_refused(filled: Filled, kind: str) -> None:
    genuine = vouched(filled, MEMBER)
    vouchers = {
        "none": None,
        "empty": "",
        "context": filled.context_of(MEMBER),
        "role": genuine.replace("|member|", "|admin|"),
    }
    assert vouchers["role"] != genuine
    with filled.undone(), pytest.raises(psycopg.errors.InvalidAuthorizationSpecification):
        enrol(filled, MEMBER, vouchers[kind])
