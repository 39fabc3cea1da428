"""docs/permissions.md: every route and who reaches it, one line each, so that a change of rights is seen in review."""

from collections.abc import Iterable
from pathlib import Path

from chatbot.core.principal import Role
from chatbot.gateway.access.actions import ActionTable
from chatbot.gateway.public import PUBLIC
from chatbot.identity.permissions import POLICY, Relation

FILE = Path(__file__).parents[1] / "docs" / "permissions.md"
COLUMNS = ("method", "route", "action", "on", *Role, "scope", "fresh")
_HEAD = """# Who reaches what

Made by `make docs` from `chatbot/identity/permissions.py` and `chatbot/gateway/access/actions.py`. What the tests of
carriers (`tests/attacks/test_carriers.py`) expect of the running application is taken from this file.

Programs (keys of people, tokens and certificates of services) reach a route by its scope, and only what their owner's
role reaches. *Fresh* needs a sign-in of the last minutes. Whatever is not here is reached by nobody.
"""


def describe_permissions() -> str:
    """Return the document: signed-in routes, then the public ones."""
    lines = [_HEAD, _line(COLUMNS), _line("---" for _ in COLUMNS)]
    for method, template, action in sorted(ActionTable().rows(), key=lambda row: (row[1], row[0])):
        rule = POLICY[action]
        on = "" if rule.relation is Relation.NONE else rule.relation
        roles = ("yes" if role in rule.roles else "" for role in Role)
        lines.append(_line((method, template, action, on, *roles, rule.scope or "", "yes" if rule.fresh else "")))
    lines += ["", "Open to everybody, and the page's own files beside:", ""]
    lines += [f"- {method} {path}" for method, path in sorted(PUBLIC)]
    return "\n".join(lines) + "\n"


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
