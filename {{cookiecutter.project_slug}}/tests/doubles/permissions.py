"""docs/permissions.md as the tests read it: what was reviewed, held against what runs."""

from typing import NamedTuple

from development.permission_table import COLUMNS, FILE


class Row(NamedTuple):
    """A route, and who reaches it."""

    method: str
    template: str
    roles: frozenset[str]
    scope: str
    fresh: bool

    def reached_by(self, role: str, scopes: set[str] | None = None) -> bool:
        """Say whether somebody with a fresh sign-in, or a program with these scopes, reaches it."""
        if role not in self.roles:
            return False
        return scopes is None or (self.scope in scopes and not self.fresh)


def read_rows() -> list[Row]:
    """Return every signed-in route; the ones that end things last."""
    lines = [line for line in FILE.read_text().splitlines() if line.startswith("| ")][2:]
    cells = [dict(zip(COLUMNS, (cell.strip() for cell in line.strip("|").split("|")), strict=True)) for line in lines]
    rows = [
        Row(
            found["method"],
            found["route"],
            frozenset(role for role in ("member", "admin", "auditor", "service") if found[role] == "yes"),
            found["scope"],
            found["fresh"] == "yes",
        )
        for found in cells
    ]
    assert len(rows) > 30 and len({(row.method, row.template) for row in rows}) == len(rows)
    return sorted(rows, key=lambda row: row.template == "/api/v1/session" and row.method == "DELETE")
