"""Every function of ours, called by every role in everybody's name with everybody's identifiers (sql-tenant, api-authz).

The functions are found in the catalogue. What a call may show and change is said in tests/doubles/tenant_rules.py.
"""

import hmac
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any
from uuid import UUID

import pytest

from chatbot.database.context import ContextSigner
from tests.doubles.tenant_rules import kept_back, may_change, secrets_from
from tests.doubles.tenants import (
    EVERYBODY,
    STRANGER,
    TRAIL,
    VECTOR,
    Connection,
    Filled,
    Person,
    Rows,
    key_digest,
    made_id,
    try_statement,
)

ROLES = ("api", "worker")
NUMBER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NAMED = [person for person in EVERYBODY if person.tenant == "acme" or person.name in ("admin", "member")]
NAMED += [STRANGER, TRAIL]
# contexts that prove nobody
UNPROVED = ("none", "forged", "expired", "other role")
SHOWN = [Person("admin", "acme"), Person("member", "acme"), Person("colleague", "acme"), Person("member", "globex")]


@dataclass(frozen=True)
class Caller:
    """In whose name a role calls: `who` is None when the context proves nobody of the database."""

    name: str
    role: str
    context: str | None
    who: Person | None


def caller_named(filled: Filled, name: str, role: str) -> Caller:
    for person in NAMED:
        if person.mark == name:
            return Caller(name, role, filled.context_of(person, role), person)
    member = EVERYBODY[2]
    genuine = filled.context_of(member, role)
    contexts = {
        "none": None,
        "forged": genuine.replace(str(member.id), str(EVERYBODY[0].id)),
        "expired": _expired(filled, genuine),
        "other role": filled.context_of(member, "worker" if role == "api" else "api"),
    }
    return Caller(name, role, contexts[name], None)


def _expired(filled: Filled, genuine: str) -> str:
    parts = genuine.split("|")[:-1]
    text = "|".join([*parts[:-1], "1000000000"])
    key = bytes.fromhex(filled.server.secrets["database_context_key"])
    return f"{text}|{hmac.digest(key, text.encode(), 'sha256').hex()}"


Sampler = Callable[[Filled, Caller], list[Any]]


def _ids(*kinds: str) -> Sampler:
    return lambda filled, caller: [made_id(kind, person.mark) for kind in kinds for person in SHOWN]


def _messages(*besides: int) -> Sampler:
    def numbers(filled: Filled, caller: Caller) -> list[Any]:
        return [filled.bigints["living user", person.mark] for person in SHOWN] + list(besides)

    return numbers


def _always(*values: Any) -> Sampler:
    return lambda filled, caller: list(values)


def _context(filled: Filled, caller: Caller) -> list[Any]:
    return [caller.context or ""]


def _vouchers(filled: Filled, caller: Caller) -> list[Any]:
    signer: ContextSigner = filled.signer(caller.role)
    genuine = [signer.vouch(person.principal, "https://i", "x") for person in SHOWN]
    return [*genuine, caller.context, "", None]


def _digests(filled: Filled, caller: Caller) -> list[Any]:
    # whoever has another's key may act as them: a digest is no identifier
    return [b"", bytes(32), *([key_digest(caller.who, "living")] if caller.who else [])]


def _events(filled: Filled, caller: Caller) -> list[Any]:
    event = '[{"user":"%s","at":1,"carrier":"session","credential":"x","action":"x","status":200,"request":"x","address":"x",'
    return [event % person.id + '"milliseconds":1}]' for person in SHOWN]


# for each argument by type and name: identifiers of everybody's objects, or values of which the first is ordinary
IDS: dict[tuple[str, str], Sampler] = {
    ("uuid", "person"): _ids("user"),
    ("uuid", "document"): _ids("private", "shared"),
    ("uuid", "key"): _ids("living key", "revoked key"),
    ("uuid", "conversation"): _ids("living", "deleted"),
    ("bigint", "place"): _messages(-1, 0),
    ("bigint", "follows"): _messages(),
    ("bigint", "question"): _messages(),
    ("bigint", "through"): _messages(0),
}
VALUES: dict[tuple[str, str], Sampler] = {
    ("text", "reader"): _always("reader"),
    ("integer", "lanes"): _always(2),
    ("interval", "patience"): _always("1 day"),
    ("uuid", "lease"): _always(UUID(int=9)),
    ("double precision", "seconds"): _always(1.0),
    ("timestamp with time zone", "at"): _always("2026-01-01"),
    ("integer", "size"): _always(1000),
    ("double precision", "used"): _always(1.0, -1.0),
    ("boolean", "exclusive"): _always(False, True),
    ("text", "context"): _context,
    ("text", "voucher"): _vouchers,
    ("text", "issuer"): _always("https://i"),
    ("text", "subject"): _always("x"),
    ("text", "name"): lambda filled, caller: [person.mark for person in SHOWN],
    ("bytea", "key_digest"): _digests,
    ("inet", "address"): _always("127.0.0.1", None),
    ("interval", "kept_for"): _always("0"),
    ("text", "kind"): _always("people", "keys"),
    ("interval", "life"): _always("1 minute", "-1 minute", "999 days"),
    ("text", "question"): _always("canary", ""),
    ("text", "question_vector"): _always(VECTOR),
    ("integer", "passage_count"): _always(50, 0),
    ("integer", "history_count"): _always(50, 0),
    ("integer", "most"): _always(50),
    ("boolean", "is_first"): _always(True),
    ("text", "answer"): _always("x"),
    ("text", "answer_citations"): _always("[]"),
    ("text", "answer_outcome"): _always("complete"),
    ("text", "events"): _events,
    ("text", "original"): _always("x"),
}

# it chooses among everybody's: a reader is told a document's number and whose it is, and the attempt is counted
CHOOSES = {("worker", "secure.claim_document(text,integer,interval)")}
FUNCTIONS = (
    "select p.oid::regprocedure::text, coalesce(p.proargnames[1:p.pronargs], '{}'),"
    " array(select format_type(t, null) from unnest(p.proargtypes) as t), p.prosecdef,"
    " has_function_privilege(%s, p.oid, 'execute')"
    " from pg_proc as p where p.pronamespace in ('secure'::regnamespace, 'chatbot'::regnamespace) order by 1"
)


def calls(filled: Filled, caller: Caller, signature: str, names: list[str], types: list[str]) -> Iterator[Any]:
    """Yield the arguments of every call: all identifiers with each other, each other value at least once."""
    columns = []
    for kind in zip(types, names, strict=True):
        sampler = IDS.get(kind) or VALUES.get(kind)
        if sampler is None:
            pytest.fail(
                f"{signature}: nobody said with what to try the argument {kind[1]} ({kind[0]}). Add it to IDS in"
                f" {__file__} if it names an object, with objects of everybody's, else to VALUES."
            )
        columns.append(sampler(filled, caller))
    named = [kind in IDS for kind in zip(types, names, strict=True)]
    yield from product(*(column if each else column[:1] for column, each in zip(columns, named, strict=True)))
    for place, column in enumerate(columns):
        for value in () if named[place] else column[1:]:
            yield tuple(value if at == place else other[0] for at, other in enumerate(columns))


@pytest.fixture(scope="module")
def before(filled: Filled) -> Rows:
    return filled.rows()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", [*(person.mark for person in NAMED), *UNPROVED])
def test_no_function_shows_or_changes_what_is_another_s(filled: Filled, before: Rows, name: str, role: str) -> None:
    caller = caller_named(filled, name, role)
    secrets = secrets_from(caller.who, before)
    foreign = kept_back(caller.who, before, may_change)
    found = filled.outside.execute(FUNCTIONS, (f"chatbot_{role}",)).fetchall()
    assert sum(definer for *_, definer, _ in found) >= 9
    for signature, names, types, _, permitted in found:
        call = f"select * from {signature.split('(')[0]}({', '.join(f'%s::{each}' for each in types)})"
        with filled.undone() as connection:
            with filled.acting(role, caller.context):
                for values in calls(filled, caller, signature, names, types):
                    result = try_statement(connection, call, values)
                    if not permitted:
                        assert result is None, signature
                        break
                    leaked = [secret for secret in secrets if secret in str(result)]
                    if (role, signature) in CHOOSES:
                        leaked = [secret for secret in leaked if not NUMBER.fullmatch(secret)]
                    assert not leaked, f"{signature} with {values} shows {name}: {leaked}"
            if wrote(connection) and (role, signature) not in CHOOSES:
                after = kept_back(caller.who, filled.rows(), may_change)
                assert after == foreign, f"{signature} called by {name} changes: {after ^ foreign}"


def wrote(connection: Connection) -> bool:
    """Say whether the transaction has changed anything."""
    return connection.execute("select pg_current_xact_id_if_assigned()").fetchone() != (None,)


def test_a_function_with_an_argument_that_nobody_tried_is_named(filled: Filled) -> None:
    caller = caller_named(filled, "member@acme", "api")
    with pytest.raises(pytest.fail.Exception, match="Add it to IDS"):
        list(calls(filled, caller, "secure.new(uuid)", ["thing"], ["uuid"]))
