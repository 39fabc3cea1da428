"""Whoever comes, with whatever: each carrier and state at each route has the documented answer (api-auth, api-authz).

The routes and what is expected are docs/permissions.md, which is made of the real table and reviewed: a new route is
tried without anybody's thinking of it.
"""

import asyncio
import base64
import re
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from chatbot.config.loading import load_settings
from chatbot.core.principal import Role
from chatbot.identity.keys import new_key
from chatbot.identity.people import service_id
from development.load_accounts import make_accounts
from development.stack import Stack
from tests.doubles.certified import ask, nobodys, shown_by, unproved, uri
from tests.doubles.database import connect
from tests.doubles.machine import ServiceClient
from tests.doubles.permissions import Row, read_rows
from tests.doubles.person import Person

UNKNOWN = "00000000-0000-4000-8000-000000000000"
ROWS = read_rows()


@dataclass
class Caller:
    """Headers that a client sends, and the certificate that it shows, if any."""

    stack: Stack
    headers: dict[str, str]
    certificate: ssl.SSLContext | None = None

    def statuses(self) -> Iterator[tuple[Row, int]]:
        url = self.stack.services_url if self.certificate else self.stack.url
        context = self.certificate or True
        with httpx2.Client(base_url=url, trust_env=False, timeout=30, verify=context) as client:
            for row in ROWS:
                path = re.sub(r"\{\w+\}", UNKNOWN, row.template)
                yield row, client.request(row.method, path, headers=self.headers).status_code


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


REFUSED = ["nobody", "made-up session", "made-up key", "ended session", "expired session", "revoked key", "expired key", "suspended session",
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
        "expired session": by_session(newcomer),
        "suspended session": by_session(newcomer),
        "suspended key": by_key(newcomer.key),
    }[state]
    if state == "ended session":
        assert newcomer.change("DELETE", "/api/v1/session").status_code == 204
    if state == "expired session":
        with stack.state.connect() as valkey:
            (kept,) = [name for name in valkey.keys("session:*") if valkey.hget(name, "user") == newcomer.user.encode()]
            valkey.hset(kept, "end", int(time.time()) - 1)
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
        for row, status in Caller(stack, headers).statuses():
            assert status == (400 if state == "two carriers" else 401), (row, status)
    finally:
        if state.startswith("suspended"):
            assert ada.change("DELETE", f"/api/v1/admin/people/{user}/suspension").status_code == 204


def must_reach(caller: Caller, role: str, scopes: set[str] | None = None) -> None:
    for row, status in caller.statuses():
        assert status != 401 and status < 500, (row, status)
        assert (status == 403) == (not row.reached_by(role, scopes)), (row, role, status)


@pytest.mark.parametrize("role", [Role.MEMBER, Role.ADMIN, Role.AUDITOR])
def test_a_person_reaches_what_the_policy_gives_their_role(
    stack: Stack, enrolled: Callable[..., Person], role: Role
) -> None:
    """CVE-2026-32715: the role-by-route matrix, held against the running application."""
    must_reach(Caller(stack, by_session(enrolled(stack, "acme", role))), role)


SCOPES = [{"chat"}, {"documents"}, {"chat", "documents"}]


@pytest.mark.parametrize("scopes", SCOPES, ids=lambda scopes: "+".join(sorted(scopes)))
@pytest.mark.parametrize("role", [Role.MEMBER, Role.ADMIN])
def test_a_key_reaches_what_its_scopes_name(
    stack: Stack, enrolled: Callable[..., Person], role: Role, scopes: set[str]
) -> None:
    owner = enrolled(stack, "acme", role)
    must_reach(Caller(stack, by_key(make_key(owner, *scopes))), role, scopes)


TOKENS = [
    "altered token",
    "token of the type JWT",
    "expired token",
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
    asked = {"token for others": {"resource": "https://elsewhere.example"}, "expired token": {"expires_in": "-120"}}
    token = service.token(**asked.get(state, {}))
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
        for row, status in Caller(stack, headers).statuses():
            assert status == (400 if state == "two carriers" else 401), (row, status)
    finally:
        if state == "suspended token":
            assert ada.change("DELETE", f"/api/v1/admin/people/{user}/suspension").status_code == 204


@pytest.mark.parametrize("scopes", SCOPES, ids=lambda scopes: "+".join(sorted(scopes)))
def test_a_token_reaches_what_its_scopes_name(stack: Stack, service: ServiceClient, scopes: set[str]) -> None:
    must_reach(Caller(stack, by_token(service.token(" ".join(scopes)))), Role.SERVICE, scopes)


def test_a_certificate_reaches_what_its_service_may(stack: Stack) -> None:
    shown = shown_by(stack.authority.issue(uri()), stack.authority)
    must_reach(Caller(stack, {}, shown), Role.SERVICE, {"chat", "documents"})


@pytest.mark.parametrize("state", ["none", "another authority's", "expired", "not yet valid", "a server's", "for mail"])
def test_without_a_proof_the_services_port_answers_on_no_route(stack: Stack, state: str) -> None:
    """CVE-2026-45397: the public paths too; the handshake ends before a request is read."""
    shown = shown_by(unproved(stack.authority)[state], stack.authority)
    for row in ROWS:
        path = re.sub(r"\{\w+\}", UNKNOWN, row.template)
        assert ask(stack.services_port, shown, row.method, path)[0] == 0, row
    for path in ("/healthz", "/sign-in", "/nowhere"):
        assert ask(stack.services_port, shown, "GET", path)[0] == 0


UNLISTED = ["another service's", "a longer name", "two names", "a host's name", "no name"]


@pytest.mark.parametrize("state", [*UNLISTED, "suspended", "beside a session", "beside a key", "beside a token"])
def test_a_certificate_that_is_nobody_s_reaches_no_route(
    stack: Stack, newcomer: Person, service: ServiceClient, person: Callable[..., Person], state: str
) -> None:
    """CVE-2026-45397: each way a genuine certificate does not hold, at each route."""
    ada, user = person("ada"), service_id("acme", stack.issuer, "reports")
    shown = shown_by(nobodys(stack.authority).get(state) or stack.authority.issue(uri()), stack.authority)
    headers = {
        "beside a session": by_session(newcomer) | {"origin": stack.url},
        "beside a key": by_key(newcomer.key),
        "beside a token": by_token(service.token()),
    }.get(state, {})
    if state == "suspended":
        assert ask(stack.services_port, shown, "GET", "/v1/models")[0] == 200  # it is somebody from then on
        assert ada.post(f"/api/v1/admin/people/{user}/suspension").status_code == 204
    try:
        for row, status in Caller(stack, headers, shown).statuses():
            assert status == (400 if state.startswith("beside") else 401), (row, status)
    finally:
        if state == "suspended":
            assert ada.change("DELETE", f"/api/v1/admin/people/{user}/suspension").status_code == 204


@pytest.mark.parametrize("name", ["x-client-cert", "x-ssl-client-cert", "x-forwarded-client-cert", "x-user", "x-forwarded-user",
                                  "x-remote-user", "remote-user", "x-tenant-id", "x-role", "x-api-key", "api-key"])  # fmt: skip
def test_no_other_header_is_a_credential(alice: Person, newcomer: Person, name: str) -> None:
    """Identity headers from outside are believed from nobody: no proxy is listed that could have checked them."""
    for value in (newcomer.key, newcomer.user, "admin", "alice", alice.get("/api/v1/session").json()["user"]):
        answer = httpx2.get(f"{alice.stack.url}/api/v1/session", headers={name: value}, trust_env=False)
        assert answer.status_code == 401
        mine = alice.get("/api/v1/session", headers={name: value}).json()
        assert (mine["name"], mine["role"]) == ("Alice Archer", "member")


@pytest.mark.parametrize("name", ["client-cert", "x-forwarded-client-cert", "x-ssl-client-verify", "ssl-client-s-dn"])
def test_at_the_services_port_no_header_speaks_for_another(stack: Stack, name: str) -> None:
    """RFC 9440: whose certificate it is, is the connection's to say."""
    mine, theirs = stack.authority.issue(uri("spiffe://acme.example/billing")), stack.authority.issue(uri())
    value = base64.b64encode(theirs.certificate.public_bytes(Encoding.DER)).decode()
    shown = shown_by(mine, stack.authority)
    for claimed in (f":{value}:", value, "URI=spiffe://acme.example/reports", "SUCCESS"):
        assert ask(stack.services_port, shown, "GET", "/v1/models", **{name.replace("-", "_"): claimed})[0] == 401


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
NESTED = [(row.method, row.template) for row in ROWS if "{" in row.template and "{model}" not in row.template]


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


@pytest.mark.parametrize("tenant", ["acme", "globex"])
@pytest.mark.parametrize("carrier", ["key", "token", "certificate"])
def test_another_s_object_is_nothing_to_a_program(
    stack: Stack, newcomer: Person, service: ServiceClient, carrier: str, tenant: str
) -> None:
    """CVE-2026-54029: by every carrier, of a colleague's and of another organisation's."""
    owner = colleague(stack, tenant)
    theirs = belongings(owner)
    role = Role.MEMBER if carrier == "key" else Role.SERVICE
    shown = shown_by(stack.authority.issue(uri()), stack.authority) if carrier == "certificate" else None
    headers = {"key": by_key(newcomer.key), "token": by_token(service.token())}.get(carrier, {})
    url = stack.services_url if shown else stack.url
    with httpx2.Client(base_url=url, headers=headers, verify=shown or True, trust_env=False, timeout=30) as client:
        for row in (row for row in ROWS if (row.method, row.template) in NESTED):
            path = re.sub(r"\{(\w+)\}", lambda found: theirs[found[1]], row.template)
            body = {"json": BODIES[row.template]} if row.template in BODIES and row.method != "DELETE" else {}
            status = client.request(row.method, path, **body).status_code
            assert status == (404 if row.reached_by(role, {"chat", "documents"}) else 403), (row, status)
    assert theirs["document"] in owner.get("/api/v1/documents").text


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
