"""Whoever comes, with whatever: each carrier and state at each route has the documented answer (api-auth, api-authz).

The routes are those of the real table, so that a new one is tried without anybody's thinking of it.
"""

import asyncio
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from chatbot.config.loading import load_settings
from chatbot.core.principal import Role
from chatbot.gateway.access.actions import ActionTable
from chatbot.identity.keys import KeyScope, new_key
from chatbot.identity.people import service_id
from chatbot.identity.permissions import POLICY, Action
from development.load_accounts import make_accounts
from development.stack import Stack
from tests.doubles.database import connect
from tests.doubles.machine import ServiceClient
from tests.doubles.person import Person

UNKNOWN = "00000000-0000-4000-8000-000000000000"
# whoever signs out cannot go on: last
ROWS = sorted(ActionTable().rows(), key=lambda row: row[2] is Action.END_OWN_SESSION)


@dataclass
class Caller:
    """Headers that a client sends, and what the policy lets it do."""

    stack: Stack
    headers: dict[str, str]

    def statuses(self) -> Iterator[tuple[str, str, Action, int]]:
        with httpx2.Client(base_url=self.stack.url, trust_env=False, timeout=30) as client:
            for method, template, action in ROWS:
                path = re.sub(r"\{\w+\}", UNKNOWN, template)
                yield method, template, action, client.request(method, path, headers=self.headers).status_code


def by_session(person: Person) -> dict[str, str]:
    cookie = "; ".join(f"{name}={value}" for name, value in person.cookies.items())
    return {"cookie": cookie, "origin": person.stack.url, "x-csrf-token": person.csrf, "sec-fetch-site": "same-origin"}


def by_key(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


by_token = by_key


@pytest.fixture
def service(stack: Stack) -> Iterator[ServiceClient]:
    made = ServiceClient(stack)
    yield made
    made.close()


@pytest.fixture
def newcomer(stack: Stack) -> Person:
    return colleague(stack, "acme")


def colleague(stack: Stack, tenant: str) -> Person:
    """Return a new member of an organisation, whom no other test knows."""
    settings = load_settings(stack.environment("gateway"))
    return Person.of(stack, asyncio.run(make_accounts(settings, 1, tenant))[0])


def make_key(person: Person, *scopes: str) -> str:
    answer = person.post("/api/v1/keys", json={"name": "x", "scopes": list(scopes)})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["key"])


REFUSED = ["nobody", "made-up session", "made-up key", "ended session", "revoked key", "expired key", "suspended session",
           "suspended key", "session in another header", "two carriers"]  # fmt: skip


@pytest.mark.parametrize("state", REFUSED)
def test_whoever_has_no_valid_credential_reaches_no_route(
    stack: Stack, newcomer: Person, person: Callable[..., Person], state: str
) -> None:
    """CVE-2026-45397: single routes next to guarded ones answered anonymous callers."""
    cookie = next(iter(newcomer.cookies))
    headers = {
        "nobody": {"origin": stack.url},
        "made-up session": {"origin": stack.url, "cookie": f"{cookie}={'x' * 43}"},
        "made-up key": by_key(new_key()),
        "session in another header": {"authorization": f"Bearer {newcomer.cookies[cookie]}"},
        "two carriers": by_session(newcomer) | by_key(newcomer.key),
        "revoked key": by_key(newcomer.key),
        "expired key": by_key(newcomer.key),
        "ended session": by_session(newcomer),
        "suspended session": by_session(newcomer),
        "suspended key": by_key(newcomer.key),
    }[state]
    if state == "ended session":
        assert newcomer.change("DELETE", "/api/v1/session").status_code == 204
    if state == "revoked key":
        (listed,) = newcomer.get("/api/v1/keys").json()
        assert newcomer.change("DELETE", f"/api/v1/keys/{listed['id']}").status_code == 204
    if state == "expired key":
        with connect(stack, "bootstrap") as outside:
            outside.execute(
                "update chatbot.api_keys set created_at = now() - interval '2 days', expires_at = now() - interval '1 s'"
                " where user_id = %s",
                (newcomer.user,),
            )
    ada = person("ada")
    user = newcomer.user
    if state.startswith("suspended"):
        assert ada.post(f"/api/v1/admin/people/{user}/suspension").status_code == 204
    try:
        for method, template, _, status in Caller(stack, headers).statuses():
            assert status in ((400,) if state == "two carriers" else (401,)), (method, template, status)
    finally:
        if state.startswith("suspended"):
            assert ada.change("DELETE", f"/api/v1/admin/people/{user}/suspension").status_code == 204


@pytest.mark.parametrize("name", ["alice", "ada"])
def test_a_person_reaches_what_the_policy_gives_their_role(person: Callable[..., Person], name: str) -> None:
    """CVE-2026-32715: the role-by-route matrix is the policy itself, held against the running application."""
    somebody = person(name)
    role = Role(somebody.get("/api/v1/session").json()["role"])
    for method, template, action, status in Caller(somebody.stack, by_session(somebody)).statuses():
        allowed = role in POLICY[action].roles
        assert status != 401, (method, template)
        assert (status == 403) == (not allowed), (method, template, role, status)
        assert status < 500, (method, template)


@pytest.mark.parametrize("scopes", [("chat",), ("documents",), ("chat", "documents")], ids="+".join)
def test_a_key_reaches_what_its_scopes_name(stack: Stack, newcomer: Person, scopes: tuple[str, ...]) -> None:
    key = make_key(newcomer, *scopes)
    for method, template, action, status in Caller(stack, by_key(key)).statuses():
        allowed = POLICY[action].scope in {KeyScope(scope) for scope in scopes} and not POLICY[action].fresh
        assert status != 401 and status < 500, (method, template)
        assert (status == 403) == (not allowed), (method, template, status)


TOKENS = [
    "altered token",
    "token of the type JWT",
    "revoked token",
    "suspended token",
    "token for others",
    "two carriers",
]


@pytest.mark.parametrize("state", TOKENS)
def test_a_service_without_a_valid_token_reaches_no_route(
    stack: Stack, service: ServiceClient, person: Callable[..., Person], state: str
) -> None:
    """CVE-2026-45397, CVE-2025-41258: each way a token does not hold, at each route."""
    token = service.token(resource="https://elsewhere.example") if state == "token for others" else service.token()
    header, body, signature = token.split(".")
    headers = by_token(
        {
            "altered token": f"{header}.{body}.{signature[::-1]}",
            "token of the type JWT": f"eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.{body}.{signature}",
        }.get(state, token)
    )
    ada, user = person("ada"), service_id("acme", stack.issuer, "reports")
    if state == "two carriers":
        headers |= by_session(ada)
    if state == "revoked token":
        service.revoke(token)
    if state == "suspended token":
        assert service.send(token, "GET", "/api/v1/documents").status_code == 200  # it is somebody from then on
        assert ada.post(f"/api/v1/admin/people/{user}/suspension").status_code == 204
    try:
        for method, template, _, status in Caller(stack, headers).statuses():
            assert status in ((400,) if state == "two carriers" else (401,)), (method, template, status)
    finally:
        if state == "suspended token":
            assert ada.change("DELETE", f"/api/v1/admin/people/{user}/suspension").status_code == 204


@pytest.mark.parametrize("scopes", ["chat", "documents", "chat documents"])
def test_a_token_reaches_what_its_scopes_name(stack: Stack, service: ServiceClient, scopes: str) -> None:
    held = {KeyScope(scope) for scope in scopes.split()}
    for method, template, action, status in Caller(stack, by_token(service.token(scopes))).statuses():
        rule = POLICY[action]
        allowed = rule.scope in held and not rule.fresh and Role.SERVICE in rule.roles
        assert status != 401 and status < 500, (method, template, status)
        assert (status == 403) == (not allowed), (method, template, status)


@pytest.mark.parametrize("name", ["x-client-cert", "x-ssl-client-cert", "x-forwarded-client-cert", "x-user", "x-forwarded-user",
                                  "x-remote-user", "remote-user", "x-tenant-id", "x-role", "x-api-key", "api-key"])  # fmt: skip
def test_no_other_header_is_a_credential(alice: Person, newcomer: Person, name: str) -> None:
    """Identity headers from outside are believed from nobody: no proxy is listed that could have checked them."""
    for value in (newcomer.key, newcomer.user, "admin", "alice", alice.get("/api/v1/session").json()["user"]):
        answer = httpx2.get(f"{alice.stack.url}/api/v1/session", headers={name: value}, trust_env=False)
        assert answer.status_code == 401
        mine = alice.get("/api/v1/session", headers={name: value}).json()
        assert (mine["name"], mine["role"]) == ("Alice Archer", "member")


# what belongs to somebody else


def belongings(owner: Person) -> dict[str, str]:
    """Return an object of each kind that a path can name, made by its owner."""
    document = owner.upload("own.md", "# Own\n\nThe heliotrope is kept in the cellar.")
    conversation = owner.ask("Where is the heliotrope kept?").conversation
    key = owner.post("/api/v1/keys", json={"name": "own", "scopes": ["chat"]}).json()["id"]
    with connect(owner.stack, "bootstrap") as outside:
        (chunk,) = outside.execute("select min(id) from chatbot.chunks where document_id = %s", (document,)).fetchone()
    (session,) = [found["id"] for found in owner.get("/api/v1/sessions").json() if found["current"]]
    user = owner.get("/api/v1/session").json()["user"]
    return {
        "document": document,
        "conversation": conversation,
        "key": key,
        "chunk": str(chunk),
        "session": session,
        "person": user,
    }


BODIES: dict[str, Any] = {
    "/api/v1/conversations/{conversation}": {"title": "taken"},
    "/api/v1/conversations/{conversation}/turns": {"question": "Whose is this?"},
    "/api/v1/documents/{document}": {"title": "taken"},
    "/api/v1/admin/people/{person}/role": {"role": "auditor"},
    "/api/v1/admin/people/{person}/budget": {"monthly_tokens": 1},
}
NESTED = [(method, template) for method, template, _ in ROWS if "{" in template and "{model}" not in template]


def send(person: Person, method: str, path: str, template: str) -> int:
    body = {"json": BODIES[template]} if template in BODIES and method in ("PATCH", "POST") else {}
    params = {"format": "json"} if template.endswith("/export") else {}
    return person.change(method, path, params=params, **body).status_code


@pytest.mark.parametrize("intruder", ["bob", "carol", "grace"])
def test_another_s_object_does_not_exist_on_any_route(
    newcomer: Person, person: Callable[..., Person], intruder: str
) -> None:
    """CVE-2026-54029, CVE-2026-31950: foreign objects, and the stream of a foreign conversation, are 404 everywhere."""
    alice = newcomer
    theirs, somebody = belongings(alice), person(intruder)
    for method, template in NESTED:
        path = re.sub(r"\{(\w+)\}", lambda found: theirs[found[1]], template)
        status = send(somebody, method, path, template)
        forbidden = "/admin/" in template and intruder != "grace"
        assert status == (403 if forbidden else 404), (method, template, status)
    assert alice.get(f"/api/v1/conversations/{theirs['conversation']}").json()["title"] != "taken"
    assert theirs["document"] in alice.get("/api/v1/documents").text
    assert [key["revoked_at"] for key in alice.get("/api/v1/keys").json() if key["id"] == theirs["key"]] == [None]


@pytest.mark.parametrize("template", sorted({template for _, template in NESTED if template.count("{") > 1}))
def test_one_s_own_parent_opens_nobody_else_s_child(
    stack: Stack, newcomer: Person, person: Callable[..., Person], template: str
) -> None:
    """CVE-2026-54029, CVE-2026-54006: the parent is checked, and the child is looked for below it, never alone."""
    alice, carol = newcomer, colleague(stack, "globex")
    theirs, own = belongings(alice), belongings(carol)
    actor = person("grace") if "/admin/" in template else carol
    parent, child = re.findall(r"\{(\w+)\}", template)
    path = template.replace(f"{{{parent}}}", own[parent]).replace(f"{{{child}}}", theirs[child])
    for method in {method for method, row in NESTED if row == template}:
        assert send(actor, method, path, template) == 404, method
    assert [key["revoked_at"] for key in alice.get("/api/v1/keys").json() if key["id"] == theirs["key"]] == [None]
