"""The trail end to end: every route leaves a record, and no record or log line holds what nobody may read (api-audit)."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from chatbot.gateway.access.actions import ActionTable
from chatbot.identity.permissions import Action
from development.stack import Stack
from tests.doubles.person import Person

UNKNOWN = "00000000-0000-4000-8000-000000000000"
ROWS = [
    (method, template, action)
    for method, template, action in ActionTable().rows()
    if action is not Action.OPEN_PAGE and action is not Action.END_OWN_SESSION
]


def records(
    person: Person, path: str = "/api/v1/audit/own", until: Callable[[Any], bool] = bool
) -> list[dict[str, Any]]:
    """Return the latest records, once those are there that `until` looks for: they are written every half second."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        answer = person.get(path, params={"most": 500})
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()
        if until(found):
            return found
        time.sleep(0.05)  # polling the database
    raise AssertionError(f"not recorded: {found[:5]}")


def test_every_route_leaves_a_record_with_the_request_s_own_name(person: Callable[..., Person]) -> None:
    ada = person("ada")
    named = {}
    for method, template, action in ROWS:
        path = re.sub(r"\{\w+\}", UNKNOWN, template)
        answer = ada.change(method, path)
        named[answer.headers["x-request-id"]] = (action, answer.status_code)
    found = {
        row["request_id"]: row
        for row in records(ada, until=lambda rows: named.keys() <= {r["request_id"] for r in rows})
    }
    for name, (action, status) in named.items():
        assert (found[name]["action"], found[name]["status"]) == (action, status)
        assert (found[name]["carrier"], found[name]["address"]) == ("session", "127.0.0.1")


def test_an_answer_s_record_says_what_it_cost(alice: Person) -> None:
    answer = alice.post(f"/api/v1/conversations/{alice.begin()}/turns", json={"question": "What is 2 plus 2?"})
    name = answer.headers["x-request-id"]
    found = records(alice, until=lambda rows: any(row["request_id"] == name for row in rows))
    asked = next(row for row in found if row["request_id"] == name)
    assert asked["prompt_tokens"] > 0 and asked["answer_tokens"] > 0
    assert asked["cost"] == 0  # no price is set


def test_what_is_refused_is_recorded_too(alice: Person) -> None:
    refused = alice.send("DELETE", f"/api/v1/documents/{UNKNOWN}")  # neither origin nor token
    assert refused.status_code == 403
    missing = alice.change("DELETE", f"/api/v1/documents/{UNKNOWN}")
    forbidden = alice.get("/api/v1/audit")
    wanted = {answer.headers["x-request-id"]: answer.status_code for answer in (missing, forbidden)}
    found = records(alice, until=lambda rows: wanted.keys() <= {row["request_id"] for row in rows})
    assert {row["request_id"]: row["status"] for row in found if row["request_id"] in wanted} == wanted


def test_an_administrator_reads_the_organisation_s_trail_and_a_member_their_own(
    alice: Person, person: Callable[..., Person], carol: Person
) -> None:
    done = alice.post("/api/v1/conversations").headers["x-request-id"]
    ada = person("ada")
    found = records(ada, "/api/v1/audit", until=lambda rows: done in {row["request_id"] for row in rows})
    assert next(row["name"] for row in found if row["request_id"] == done) == "Alice Archer"
    assert alice.get("/api/v1/audit").status_code == 403
    for other in (carol, person("grace")):
        path = "/api/v1/audit/own" if other is carol else "/api/v1/audit"
        assert done not in {row["request_id"] for row in records(other, path)}


CANARY = "sk-" + "canary0123456789abcdefghij"  # in two pieces: it is looked for in what is committed, too
EMAIL = "canary.person@example.org"
PLANTED = f"{CANARY} {EMAIL} 4111 1111 1111 1111"


@pytest.mark.parametrize("template", sorted({template for _, template, _ in ROWS}))
def test_secrets_and_personal_data_are_written_nowhere(alice: Person, stack: Stack, template: str) -> None:
    """Planted in path, query, headers and body of every route; then every log and every record is searched."""
    path = re.sub(r"\{\w+\}", CANARY, template)
    for method in ("GET", "POST", "PATCH", "DELETE"):
        if template == "/api/v1/session" and method == "DELETE":
            continue
        for options in (
            {"json": {name: PLANTED for name in ("question", "title", "name", "model", "folder", "x")}},
            {"content": PLANTED.encode(), "headers": {"content-type": f"text/{CANARY}"}},
            {"params": {"name": PLANTED, "search": PLANTED, "user": PLANTED}},
            {
                "headers": {
                    "authorization": f"Bearer {CANARY}",
                    "user-agent": PLANTED,
                    "x-request-id": CANARY,
                    "referer": PLANTED,
                }
            },
        ):
            alice.change(method, path, **options)
    shown = str(records(alice))
    logs = "".join(log.read_text(errors="replace") for log in stack.places.logs.iterdir())
    for text in (CANARY, EMAIL, "4111 1111"):
        assert text not in shown and text not in logs, text
