"""Every check of every table, at its bounds: what it refuses and what it lets through."""

import psycopg
import pytest

from tests.doubles.tenants import Filled

DAY = "interval '1 day'"
# for each check: assignments that it refuses, and assignments at its bounds that are good
CHECKS: dict[str, tuple[list[str], list[str]]] = {
    "api_keys_check": (
        ["expires_at = created_at", f"expires_at = created_at + 367 * {DAY}"],
        [f"expires_at = created_at + 366 * {DAY}"],
    ),
    "api_keys_digest_check": (["digest = ''", "digest = digest || '\\x00'"], ["digest = sha256('x')"]),
    "api_keys_hint_check": (["hint = ''", "hint = repeat('x', 17)"], ["hint = 'x'", "hint = repeat('x', 16)"]),
    "api_keys_name_check": (["name = ''", "name = repeat('x', 81)"], ["name = 'x'", "name = repeat('x', 80)"]),
    "api_keys_networks_check": (
        ["networks = array_fill('::/0'::cidr, array[21])"],
        ["networks = array_fill('::/0'::cidr, array[20])", "networks = '{}'"],
    ),
    "api_keys_scopes_check": (["scopes = '{}'", "scopes = '{chat,x}'"], ["scopes = '{chat,documents}'"]),
    "audit_events_action_check": (["action = repeat('x', 81)"], ["action = repeat('x', 80)"]),
    "audit_events_address_check": (["address = repeat('x', 65)"], ["address = repeat('x', 64)"]),
    "audit_events_carrier_check": (["carrier = 'x'"], ["carrier = 'session'", "carrier = 'certificate'"]),
    "audit_events_credential_check": (["credential = repeat('x', 65)"], ["credential = repeat('x', 64)"]),
    "audit_events_object_check": (["object = repeat('x', 81)"], ["object = repeat('x', 80)", "object = null"]),
    "audit_events_request_id_check": (["request_id = repeat('x', 33)"], ["request_id = repeat('x', 32)"]),
    "conversations_folder_check": (["folder = ''", "folder = repeat('x', 61)"], ["folder = 'x'", "folder = null"]),
    "conversations_title_check": (["title = repeat('x', 121)"], ["title = repeat('x', 120)", "title = null"]),
    "documents_hidden_characters_check": (["hidden_characters = -1"], ["hidden_characters = 0"]),
    "documents_media_type_check": (["media_type = 'x/y'"], ["media_type = 'application/pdf'"]),
    "documents_notes_check": (
        ["notes = '[]'", "notes = jsonb_build_object('x', repeat('ab', 4000))"],
        ["notes = '{}'", "notes = jsonb_build_object('x', repeat('ab', 900))"],
    ),
    "documents_sha256_check": (["sha256 = ''", "sha256 = sha256 || '\\x00'"], ["sha256 = sha256('x')"]),
    "documents_size_check": (["size = -1"], ["size = 0"]),
    "documents_status_check": (["status = 'x'"], ["status = 'queued'", "status = 'ready'", "status = 'failed'"]),
    "documents_title_check": (["title = ''", "title = repeat('x', 201)"], ["title = 'x'", "title = repeat('x', 200)"]),
    "messages_author_check": (["author = 'system'"], ["author = 'user'", "author = 'assistant'"]),
    "messages_check": (["parent_id = id"], ["parent_id = id - 1", "parent_id = null"]),
    "messages_outcome_check": (["outcome = 'x'"], ["outcome = 'filtered'", "outcome = 'complete'"]),
    "tenants_monthly_tokens_check": (
        ["monthly_tokens = -1", "monthly_tokens = 1000000000001"],
        ["monthly_tokens = 0", "monthly_tokens = 1000000000000"],
    ),
    "tenants_slug_check": (["slug = ''", "slug = 'A'", "slug = 'a b'", "slug = repeat('a', 41)"], ["slug = 'a-1'"]),
    "users_granted_role_check": (["granted_role = 'service'"], ["granted_role = 'auditor'", "granted_role = null"]),
    "users_monthly_tokens_check": (
        ["monthly_tokens = -1", "monthly_tokens = 1000000000001"],
        ["monthly_tokens = 0", "monthly_tokens = 1000000000000"],
    ),
    "users_name_check": (["name = ''", "name = repeat('x', 201)"], ["name = 'x'", "name = repeat('x', 200)"]),
    "users_role_check": (["role = 'root'"], ["role = 'service'", "role = 'member'"]),
}
FOUND = (
    "select conname, conrelid::regclass::text from pg_constraint"
    " where contype = 'c' and connamespace = 'chatbot'::regnamespace"
)


def test_each_check_is_tried(filled: Filled) -> None:
    found = {name for name, _ in filled.outside.execute(FOUND).fetchall()}
    assert found == set(CHECKS), f"say in {__file__} what the new check refuses and lets through"


@pytest.mark.parametrize("check", CHECKS)
def test_a_check_holds_at_its_bounds(filled: Filled, check: str) -> None:
    (table,) = [table for name, table in filled.outside.execute(FOUND).fetchall() if name == check]
    refused, good = CHECKS[check]
    for assignment in [*good, *refused]:
        with filled.undone() as connection:
            connection.execute("set local session_replication_role = replica")  # foreign keys and triggers apart
            statement = f"update {table} set {assignment} where ctid = (select min(ctid) from {table})"
            if assignment in good:
                assert connection.execute(statement).rowcount == 1
                continue
            with pytest.raises(psycopg.errors.CheckViolation) as violation, connection.transaction():
                connection.execute(statement)
            assert violation.value.diag.constraint_name == check
