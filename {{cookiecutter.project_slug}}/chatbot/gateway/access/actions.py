"""Which action each route is: by its template and method. A route without a row is reached by nobody.

The table is read before routing and tells one template per path, the router's own; tests hold the two together.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from chatbot.gateway.public import PUBLIC
from chatbot.identity.permissions import Action as A

ACTIONS: Mapping[str, Mapping[str, A]] = {
    "/": {"GET": A.OPEN_PAGE},
    "/documents": {"GET": A.OPEN_PAGE},
    "/settings": {"GET": A.OPEN_PAGE},
    "/usage": {"GET": A.OPEN_PAGE},
    "/audit": {"GET": A.OPEN_PAGE},
    "/admin": {"GET": A.OPEN_OVERSIGHT_PAGE},
    "/api/v1/admin/people": {"GET": A.READ_PEOPLE},
    "/api/v1/admin/people/{person}/role": {"PATCH": A.CHANGE_ROLES},
    "/api/v1/admin/people/{person}/suspension": {"POST": A.SUSPEND_PEOPLE, "DELETE": A.SUSPEND_PEOPLE},
    "/api/v1/admin/people/{person}/budget": {"PATCH": A.CHANGE_BUDGETS},
    "/api/v1/admin/people/{person}/sessions": {"DELETE": A.END_SESSIONS_OF_PEOPLE},
    "/api/v1/admin/people/{person}/keys": {"GET": A.READ_KEYS_OF_PEOPLE},
    "/api/v1/admin/people/{person}/keys/{key}": {"DELETE": A.REVOKE_KEYS_OF_PEOPLE},
    "/api/v1/admin/budget": {"GET": A.READ_BUDGET_OF_TENANT, "PATCH": A.CHANGE_BUDGET_OF_TENANT},
    "/api/v1/session": {"GET": A.READ_OWN_SESSION, "DELETE": A.END_OWN_SESSION},
    "/api/v1/sessions": {"GET": A.READ_SESSIONS, "DELETE": A.END_SESSIONS},
    "/api/v1/sessions/{session}": {"DELETE": A.END_SESSIONS},
    "/api/v1/conversations": {"GET": A.READ_CONVERSATIONS, "POST": A.CHANGE_CONVERSATIONS},
    "/api/v1/conversations/{conversation}": {
        "GET": A.READ_CONVERSATIONS,
        "PATCH": A.CHANGE_CONVERSATIONS,
        "DELETE": A.CHANGE_CONVERSATIONS,
    },
    "/api/v1/conversations/{conversation}/export": {"GET": A.READ_CONVERSATIONS},
    "/api/v1/conversations/{conversation}/restore": {"POST": A.CHANGE_CONVERSATIONS},
    "/api/v1/conversations/{conversation}/turns": {"POST": A.ASK},
    "/api/v1/documents": {"GET": A.READ_DOCUMENTS, "POST": A.CHANGE_DOCUMENTS},
    "/api/v1/documents/{document}": {"PATCH": A.CHANGE_DOCUMENTS, "DELETE": A.CHANGE_DOCUMENTS},
    "/api/v1/documents/{document}/index": {"POST": A.CHANGE_DOCUMENTS},
    "/api/v1/documents/{document}/passages": {"GET": A.READ_DOCUMENTS},
    "/api/v1/documents/{document}/passages/{chunk}": {"GET": A.READ_DOCUMENTS},
    "/api/v1/usage": {"GET": A.READ_USAGE},
    "/api/v1/audit": {"GET": A.READ_TRAIL},
    "/api/v1/audit/own": {"GET": A.READ_OWN_TRAIL},
    "/api/v1/keys": {"GET": A.READ_KEYS, "POST": A.MAKE_KEYS},
    "/api/v1/keys/{key}": {"DELETE": A.REVOKE_KEYS},
    "/api/v1/keys/{key}/rotation": {"POST": A.MAKE_KEYS},
    "/v1/models": {"GET": A.COMPLETE},
    "/v1/models/{model}": {"GET": A.COMPLETE},
    "/v1/chat/completions": {"POST": A.COMPLETE},
}


class Matched(NamedTuple):
    """What a request is for: the route's template and the action; None where there is none."""

    template: str | None
    action: A | None


class ActionTable:
    """Finds the row for a path: exact paths first, then templates."""

    def __init__(
        self, actions: Mapping[str, Mapping[str, A]] = ACTIONS, public: frozenset[tuple[str, str]] = frozenset()
    ) -> None:
        self._actions: dict[str, Mapping[str, A]] = {path: {} for _, path in public} | dict(actions)
        self._templates = [template for template in actions if "{" in template]
        self._pattern = re.compile("|".join(f"({_as_pattern(template)})" for template in self._templates))

    def find(self, method: str, path: str) -> Matched:
        """Return the row for `method` (HEAD counts as GET) and `path`, compared whole."""
        template: str | None = path if path in self._actions and "{" not in path else None
        if template is None and (found := self._pattern.fullmatch(path)) and found.lastindex:
            template = self._templates[found.lastindex - 1]
        if template is None:
            return Matched(None, None)
        return Matched(template, self._actions[template].get("GET" if method == "HEAD" else method))

    def rows(self) -> Iterable[tuple[str, str, A]]:
        """Return every method, template and action."""
        return [(method, template, row[method]) for template, row in self._actions.items() for method in row]


def methods_of(template: str, public: frozenset[tuple[str, str]] = PUBLIC) -> list[str]:
    """Return the methods that a path has, for the Allow header (RFC 9110, section 10.2.1)."""
    open_to_all = {method for method, path in public if path == template}
    return sorted({*ACTIONS.get(template, ()), *open_to_all})


def _as_pattern(template: str) -> str:
    return "".join("[^/]+" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{\w+\})", template))
