"""Who may do what (control api-authz): one table, action by role by relation; whatever is not in it is refused.

Stops: acts beyond one's role, acts of a program beyond its credential's scopes, dangerous acts with a session that
somebody left open. The relation says on whose objects; row-level security holds it for every statement, and an object
outside of it does not exist for the caller (404). Fails closed: an action without a row is nobody's.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from chatbot.core.errors import Forbidden, SignInAgain
from chatbot.core.principal import Role
from chatbot.identity.admission import Admission
from chatbot.identity.keys import KeyScope
from chatbot.monitoring.refusals import note_refusal


class Action(StrEnum):
    """What can be done, in the application's own terms."""

    OPEN_PAGE = "open a page"
    READ_OWN_SESSION = "read one's own session"
    END_OWN_SESSION = "end one's own session"
    READ_SESSIONS = "read one's sessions"
    END_SESSIONS = "end one's sessions"
    READ_CONVERSATIONS = "read conversations"
    CHANGE_CONVERSATIONS = "change conversations"
    ASK = "ask"
    COMPLETE = "complete"
    READ_DOCUMENTS = "read documents"
    CHANGE_DOCUMENTS = "change documents"
    READ_USAGE = "read usage"
    READ_OWN_TRAIL = "read one's own trail"
    READ_TRAIL = "read the organisation's trail"
    READ_KEYS = "read keys"
    MAKE_KEYS = "make keys"
    REVOKE_KEYS = "revoke keys"
    OPEN_OVERSIGHT_PAGE = "open a page of the administration"
    READ_PEOPLE = "read the tenant's people"
    READ_KEYS_OF_PEOPLE = "read the keys of people"
    CHANGE_ROLES = "change roles"
    SUSPEND_PEOPLE = "suspend people"
    CHANGE_BUDGETS = "change budgets"
    READ_BUDGET_OF_TENANT = "read the organisation's budget"
    CHANGE_BUDGET_OF_TENANT = "change the organisation's budget"
    REVOKE_KEYS_OF_PEOPLE = "revoke keys of people"
    END_SESSIONS_OF_PEOPLE = "end sessions of people"


class Relation(StrEnum):
    """On whose objects."""

    NONE = "no object"
    OWN = "own"
    SHARED = "own, or shared by a colleague"
    TENANT = "the whole tenant's"
    OTHERS = "others' of the same tenant, never one's own"


@dataclass(frozen=True, slots=True)
class Rule:
    """A row: the roles, the relation to the object, the scope by which programs may (None: people only).

    `fresh`: the person must have signed in a moment ago.
    """

    roles: frozenset[Role]
    relation: Relation
    scope: KeyScope | None = None
    fresh: bool = False


_ANYBODY = frozenset({Role.MEMBER, Role.ADMIN, Role.AUDITOR})
_USERS = frozenset({Role.MEMBER, Role.ADMIN})
_PROGRAMS = _USERS | {Role.SERVICE}
_OVERSEERS = frozenset({Role.ADMIN, Role.AUDITOR})
_ADMINS = frozenset({Role.ADMIN})

POLICY: Mapping[Action, Rule] = {
    Action.OPEN_PAGE: Rule(_ANYBODY, Relation.NONE),
    Action.READ_OWN_SESSION: Rule(_ANYBODY, Relation.OWN),
    Action.END_OWN_SESSION: Rule(_ANYBODY, Relation.OWN),
    Action.READ_SESSIONS: Rule(_ANYBODY, Relation.OWN),
    Action.END_SESSIONS: Rule(_ANYBODY, Relation.OWN),
    Action.READ_CONVERSATIONS: Rule(_USERS, Relation.OWN),
    Action.CHANGE_CONVERSATIONS: Rule(_USERS, Relation.OWN),
    Action.ASK: Rule(_USERS, Relation.OWN),
    Action.COMPLETE: Rule(_PROGRAMS, Relation.NONE, KeyScope.CHAT),
    Action.READ_DOCUMENTS: Rule(_PROGRAMS, Relation.SHARED, KeyScope.DOCUMENTS),
    Action.CHANGE_DOCUMENTS: Rule(_PROGRAMS, Relation.OWN, KeyScope.DOCUMENTS),
    Action.READ_USAGE: Rule(_ANYBODY, Relation.OWN),
    Action.READ_OWN_TRAIL: Rule(_ANYBODY, Relation.OWN),
    Action.READ_TRAIL: Rule(frozenset({Role.ADMIN, Role.AUDITOR}), Relation.TENANT),
    Action.READ_KEYS: Rule(_USERS, Relation.OWN),
    Action.MAKE_KEYS: Rule(_USERS, Relation.OWN, fresh=True),
    Action.REVOKE_KEYS: Rule(_USERS, Relation.OWN),
    Action.OPEN_OVERSIGHT_PAGE: Rule(_OVERSEERS, Relation.NONE),
    Action.READ_PEOPLE: Rule(_OVERSEERS, Relation.TENANT),
    Action.READ_KEYS_OF_PEOPLE: Rule(_OVERSEERS, Relation.TENANT),
    Action.CHANGE_ROLES: Rule(_ADMINS, Relation.OTHERS, fresh=True),
    Action.SUSPEND_PEOPLE: Rule(_ADMINS, Relation.OTHERS, fresh=True),
    Action.CHANGE_BUDGETS: Rule(_ADMINS, Relation.OTHERS, fresh=True),
    Action.READ_BUDGET_OF_TENANT: Rule(_OVERSEERS, Relation.TENANT),
    Action.CHANGE_BUDGET_OF_TENANT: Rule(_ADMINS, Relation.TENANT, fresh=True),
    Action.REVOKE_KEYS_OF_PEOPLE: Rule(_ADMINS, Relation.TENANT, fresh=True),
    Action.END_SESSIONS_OF_PEOPLE: Rule(_ADMINS, Relation.TENANT),
}


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether, and why. `sign_in_again`: a new proof of who asks would change it."""

    allowed: bool
    reason: str
    sign_in_again: bool = False


def decide(admission: Admission, action: Action, fresh_seconds: float) -> Decision:
    """Return whether the principal may do `action` with this credential."""
    rule = POLICY.get(action)
    if rule is None:
        return Decision(False, "no rule names it")
    if admission.principal.role not in rule.roles:
        return Decision(False, "not for this role")
    if admission.scopes is not None:
        if rule.scope not in admission.scopes:
            return Decision(False, "beyond the credential's scopes")
        return Decision(not rule.fresh, "for people only" if rule.fresh else "scope")
    if rule.fresh and time.time() - admission.authenticated_at > fresh_seconds:
        return Decision(False, "signed in too long ago", sign_in_again=True)
    return Decision(True, "role")


def require(admission: Admission, action: Action, fresh_seconds: float) -> None:
    """Return when `decide` allows it. Raises `Forbidden`, or `SignInAgain` where that would help."""
    decision = decide(admission, action, fresh_seconds)
    if decision.allowed:
        return
    note_refusal("api-authz", decision.reason)
    if decision.sign_in_again:
        raise SignInAgain("This needs a sign-in of the last minutes. Sign in again and repeat it.")
    if admission.scopes is not None:
        raise Forbidden("This key does not reach that far. Use one with the scope that this needs.")
    raise Forbidden("Your role does not allow this. Ask an administrator of your organisation.")
