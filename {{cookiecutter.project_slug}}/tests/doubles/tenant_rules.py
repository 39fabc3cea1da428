"""Who may read and change which row: written apart from the policies, to be held against them."""

import json
import re
from collections.abc import Callable
from typing import Any

from tests.doubles.tenants import TABLES, Person, Rows

Row = dict[str, Any]
_OVERSEES = ("admin", "auditor")
_SECRET = re.compile(r"@|^[0-9a-f]{8}-")  # what names an owner, and identifiers


def may_read(who: Person | None, table: str, row: Row) -> bool:
    """Say whether a row may reach somebody, by any way. `who` is None for a context that proves nobody."""
    if who is None or not _in_tenant(who, row):
        return False
    if table == "tenants" or _own(who, table, row):
        return True
    if table in ("users", "api_keys", "audit_events"):
        return who.role in _OVERSEES
    return table in ("documents", "chunks", "chunk_vectors") and bool(row["shared"])


def may_change(who: Person | None, table: str, row: Row) -> bool:
    """Say whether anything of a row may change by what somebody does."""
    if who is None or not _in_tenant(who, row):
        return False
    if table == "audit_events":
        return who.name == "trail"
    if table in ("tenants", "users", "api_keys") and who.role == "admin":
        return True
    return table != "tenants" and _own(who, table, row)


def kept_back(who: Person | None, rows: Rows, may: Callable[[Person | None, str, Row], bool]) -> set[tuple[str, str]]:
    """Return table and text of each row that `may` forbids."""
    return {(table, text) for table in TABLES for text in rows[table] if not may(who, table, json.loads(text))}


def secrets_from(who: Person | None, rows: Rows) -> set[str]:
    """Return the texts and identifiers that stand in rows which somebody may not read, and in no other."""
    hidden: set[str] = set()
    shown: set[str] = set()
    for table in TABLES:
        for text in rows[table]:
            row = json.loads(text)
            found = {value for value in row.values() if isinstance(value, str) and _SECRET.search(value)}
            (shown if may_read(who, table, row) else hidden).update(found)
    return hidden - shown


def _in_tenant(who: Person, row: Row) -> bool:
    return bool(row.get("tenant_id", row["id"] if "slug" in row else None) == str(who.tenant_id))


def _own(who: Person, table: str, row: Row) -> bool:
    return bool(row[TABLES[table]] == str(who.id))


def may_state(who: Person | None, command: str, table: str, row: Row) -> bool:
    """Say whether a statement of the gateway's may do it, had the role every right that a table has."""
    if who is None or not _in_tenant(who, row):
        return False
    if table == "tenants":
        return command != "update" or who.role == "admin"
    if table == "users":
        if command == "select":
            return may_read(who, table, row)
        return command == "update" and who.role == "admin" and not _own(who, table, row)
    if table == "audit_events":
        if command == "select":
            return may_read(who, table, row)
        return command == "insert" and who.name == "trail"
    if table == "api_keys" and command == "update":
        return _own(who, table, row) and row["revoked_at"] is None
    if command == "select" and table in ("documents", "chunks", "chunk_vectors"):
        return may_read(who, table, row)
    return _own(who, table, row)
