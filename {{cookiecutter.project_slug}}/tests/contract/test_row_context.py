"""The signed row context at its own seam: what `secure.claims()` accepts (sql-tenant)."""

import hmac
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from chatbot.core.principal import Principal
from chatbot.database.context import ContextSigner, key_pads
from development.stack import Stack
from tests.doubles.database import connect, principal_of, signer
from tests.doubles.person import Person


@pytest.fixture
def alice_herself(alice: Person) -> Principal:
    return principal_of(alice, "acme")


@pytest.fixture
def api(stack: Stack) -> Iterator["psycopg.Connection[tuple[Any, ...]]"]:
    with connect(stack, "api") as connection:
        yield connection


def claims(connection: "psycopg.Connection[tuple[Any, ...]]", context: str | None) -> Any:
    with connection.transaction():
        if context is not None:
            connection.execute("select set_config('chatbot.context', %s, true)", (context,))
        row = connection.execute("select secure.claims()").fetchone()
    assert row is not None
    return row[0]


def test_a_genuine_context_is_accepted(api: Any, stack: Stack, alice_herself: Principal) -> None:
    found = claims(api, signer(stack, "api").sign(alice_herself))
    assert found == [alice_herself.tenant_id, alice_herself.user_id]


@pytest.mark.parametrize("context", [None, ""])
def test_without_a_context_there_is_nobody(api: Any, context: str | None) -> None:
    assert claims(api, context) is None
    assert api.execute("select count(*) from chatbot.users").fetchone() == (0,)


def changed(context: str, part: int, value: str) -> str:
    parts = context.split("|")
    parts[part] = value
    return "|".join(parts)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        (0, "v2"), (1, "chatbot_worker"), (2, "00000000-0000-4000-8000-000000000000"),
        (3, "00000000-0000-4000-8000-000000000000"), (4, "99999999999"), (5, "0" * 64), (5, ""), (5, "zz"),
    ],
)  # fmt: skip
def test_every_part_is_covered_by_the_signature(
    api: Any, stack: Stack, alice_herself: Principal, part: int, value: str
) -> None:
    with pytest.raises(psycopg.Error):
        claims(api, changed(signer(stack, "api").sign(alice_herself), part, value))


@pytest.mark.parametrize("context", ["x", "|||||", "v1|chatbot_api|a|b|c|d", "\\x00", "1" * 100_000, "v1" + "|" * 1000])
def test_nonsense_is_refused(api: Any, context: str) -> None:
    with pytest.raises(psycopg.Error):
        claims(api, context)


def test_another_key_is_refused(api: Any, alice_herself: Principal) -> None:
    with pytest.raises(psycopg.Error, match="forged"):
        claims(api, ContextSigner(b"k" * 32, "chatbot_api").sign(alice_herself))


def test_a_context_made_for_another_role_is_refused(api: Any, stack: Stack, alice_herself: Principal) -> None:
    key = bytes.fromhex(stack.secrets["database_context_key"])
    with pytest.raises(psycopg.Error, match="another role"):
        claims(api, ContextSigner(key, "chatbot_worker").sign(alice_herself))


@pytest.mark.parametrize("role", ["api", "worker"])
def test_a_role_s_key_signs_for_no_other_role(stack: Stack, alice_herself: Principal, role: str) -> None:
    other = {"api": "worker", "worker": "api"}[role]
    with connect(stack, role) as connection:
        assert claims(connection, signer(stack, role).sign(alice_herself))
        for named in ("api", "worker"):
            stolen = ContextSigner(signer(stack, other).key, f"chatbot_{named}")
            with pytest.raises(psycopg.Error, match="forged"):
                claims(connection, stolen.sign(alice_herself))


def test_an_expired_context_is_refused(api: Any, stack: Stack, alice_herself: Principal) -> None:
    key = bytes.fromhex(stack.secrets["database_context_key"])
    text = f"v1|chatbot_api|{alice_herself.tenant_id}|{alice_herself.user_id}|1000000000"
    with pytest.raises(psycopg.Error, match="expired"):
        claims(api, f"{text}|{hmac.digest(key, text.encode(), 'sha256').hex()}")


def test_the_pads_are_those_of_rfc_2104() -> None:
    import hashlib

    inner, outer = key_pads(b"k" * 40)
    by_hand = hashlib.sha256(outer + hashlib.sha256(inner + b"message").digest()).digest()
    assert by_hand == hmac.digest(b"k" * 40, b"message", "sha256")
    with pytest.raises(ValueError, match="32 to 64"):
        key_pads(b"short")
