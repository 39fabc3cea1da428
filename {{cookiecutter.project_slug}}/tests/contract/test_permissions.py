"""The policy at its own seam: what no row allows is refused, before any route is reached (api-authz)."""

import time
from typing import Any
from uuid import UUID

import pytest

from chatbot.core.errors import Forbidden, NotFound, SignInAgain
from chatbot.core.principal import Principal, Role
from chatbot.gateway.access.actions import ActionTable
from chatbot.gateway.access.permission import PermissionGuard
from chatbot.gateway.public import PUBLIC
from chatbot.identity.admission import Admission, Carrier
from chatbot.identity.keys import KeyScope
from chatbot.identity.permissions import POLICY, Action, decide
from tests.doubles.asgi import Inner, call
from tests.doubles.permissions import Row, read_rows

FRESH = 600


def admission(role: Role = Role.MEMBER, scopes: set[KeyScope] | None = None, age: float = 0) -> Admission:
    who = Principal(UUID(int=1), UUID(int=2), role, "x")
    carrier = Carrier.SESSION if scopes is None else Carrier.KEY
    return Admission(who, carrier, "x", None if scopes is None else frozenset(scopes), int(time.time() - age))


def guard(inner: Inner, method: str, path: str, **scope: Any) -> Any:
    matched = ActionTable(public=PUBLIC).find(method, path)
    return call(PermissionGuard(inner, fresh_seconds=FRESH), method, path, matched=matched, **scope)


def test_every_action_has_a_row() -> None:
    assert set(POLICY) == set(Action), "say in POLICY of chatbot/identity/permissions.py who may do the new action"


def test_an_action_without_a_row_is_nobody_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(POLICY, Action.READ_KEYS)
    for role in Role:
        assert not decide(admission(role), Action.READ_KEYS, FRESH).allowed


ROWS = read_rows()


def test_the_reviewed_table_is_the_one_that_decides() -> None:
    listed = {(row[0], row[1]) for row in ActionTable().rows()}
    assert {(row.method, row.template) for row in ROWS} == listed, "run make docs, and review docs/permissions.md"
    used = {ActionTable().find(row.method, row.template).action for row in ROWS}
    assert used == set(Action), "no route is the new action: name it in chatbot/gateway/access/actions.py"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.method} {row.template}")
@pytest.mark.parametrize("role", Role)
def test_a_role_reaches_what_the_reviewed_table_says_and_nothing_else(row: Row, role: Role) -> None:
    action = ActionTable().find(row.method, row.template).action
    assert decide(admission(role), action, FRESH).allowed == row.reached_by(role)
    assert decide(admission(role, age=FRESH + 5), action, FRESH).allowed == (row.reached_by(role) and not row.fresh)
    for scopes in (set(), {KeyScope.CHAT}, {KeyScope.DOCUMENTS}, set(KeyScope)):
        assert decide(admission(role, scopes), action, FRESH).allowed == row.reached_by(role, scopes)


@pytest.mark.parametrize("action", [action for action, rule in POLICY.items() if rule.fresh])
def test_a_dangerous_act_needs_a_sign_in_of_a_moment_ago(action: Action) -> None:
    role = min(POLICY[action].roles)
    assert decide(admission(role, age=FRESH - 5), action, FRESH).allowed
    refused = decide(admission(role, age=FRESH + 5), action, FRESH)
    assert not refused.allowed
    assert refused.sign_in_again


def test_what_has_no_row_does_not_exist() -> None:
    inner = Inner()
    for path in ("/nowhere", "/api/v1/keys/", "//", "/api/v1/documents/x/y"):
        with pytest.raises(NotFound):
            guard(inner, "GET", path, admission=admission())
    assert not inner.scopes


@pytest.mark.parametrize(("method", "path"), sorted(PUBLIC))
def test_what_is_public_is_nothing_for_whoever_was_let_in(method: str, path: str) -> None:
    """At the services' port: a certificate signs nobody in and reports nothing."""
    inner = Inner()
    for each in {"GET": ("GET", "HEAD")}.get(method, (method,)):
        with pytest.raises(NotFound):
            guard(inner, each, path, admission=admission(Role.SERVICE, set(KeyScope)))
    assert not inner.scopes


def test_a_refusal_comes_before_the_route() -> None:
    inner = Inner()
    with pytest.raises(SignInAgain):
        guard(inner, "POST", "/api/v1/keys", admission=admission(age=FRESH + 5))
    for path in ("/", "/api/v1/keys", "/api/v1/documents", "/api/v1/session"):
        with pytest.raises(Forbidden):
            guard(inner, "GET", path, admission=admission(scopes={KeyScope.CHAT}))
    assert not inner.scopes
    assert guard(inner, "GET", "/v1/models", admission=admission(scopes={KeyScope.CHAT})).status == 200
