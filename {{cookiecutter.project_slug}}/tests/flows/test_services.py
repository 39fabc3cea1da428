"""A service with an access token: asks, ingests, is revoked, is suspended, meets a new key (api-auth, acc-identity)."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import httpx2
import pytest

from chatbot.identity.people import service_id, tenant_id
from development.processes import end_child
from development.stack import Stack
from tests.conftest import running_stack
from tests.doubles.certified import certified, uri
from tests.doubles.database import connect
from tests.doubles.machine import ServiceClient
from tests.doubles.person import Person
from tests.doubles.upstream import ScriptedModel, talk_on

GUIDE = "# Reports\n\nThe nightly report is bound in vermilion."
QUESTION = {"model": "chatbot", "messages": [{"role": "user", "content": "What is the nightly report bound in?"}]}


@pytest.fixture
def service(stack: Stack) -> Iterator[ServiceClient]:
    made = ServiceClient(stack)
    yield made
    made.close()


def wait_for(what: Callable[[], bool], seconds: float) -> float:
    """Return how long it took; polls what another process will do."""
    begun = time.monotonic()
    while not what():
        assert time.monotonic() - begun < seconds, "not in time"
        time.sleep(0.1)
    return time.monotonic() - begun


def upload(service: ServiceClient, token: str, name: str = "reports.md", **options: str) -> str:
    answer = service.send(token, "POST", "/api/v1/documents", params={"name": name, **options}, content=GUIDE.encode())
    assert answer.status_code == 202, answer.text
    identifier = str(answer.json()["id"])

    def is_ready() -> bool:
        listed = service.send(token, "GET", "/api/v1/documents").json()
        return next(found for found in listed if found["id"] == identifier)["status"] == "ready"

    wait_for(is_ready, 30)
    return identifier


def test_a_service_ingests_and_asks_in_its_own_name(stack: Stack, service: ServiceClient, alice: Person) -> None:
    token = service.token()
    document = upload(service, token)
    answer = service.send(token, "POST", "/v1/chat/completions", json=QUESTION)
    assert answer.status_code == 200, answer.text
    assert "vermilion" in answer.json()["choices"][0]["message"]["content"]
    assert document not in alice.get("/api/v1/documents").text  # it is the service's own, like a person's
    with connect(stack, "bootstrap") as outside:
        row = outside.execute(
            "select u.id, u.tenant_id, u.role, u.issuer, u.subject from chatbot.documents as d"
            " join chatbot.users as u on u.id = d.owner_id where d.id = %s",
            (document,),
        ).fetchone()
    owner = service_id("acme", stack.issuer, "reports")
    assert row == (owner, tenant_id("acme"), "service", stack.issuer, "service:reports")


def test_what_it_shares_its_tenant_sees_and_no_other(service: ServiceClient, alice: Person, carol: Person) -> None:
    token = service.token()
    document = upload(service, token, "shared.md", shared="true")
    assert document in alice.get("/api/v1/documents").text
    assert document not in carol.get("/api/v1/documents").text
    theirs = carol.upload("theirs.md", "# Theirs\n\nNothing of yours.")
    assert service.send(token, "DELETE", f"/api/v1/documents/{theirs}").status_code == 404


def test_a_token_reaches_as_far_as_it_was_asked_for(service: ServiceClient) -> None:
    reading, asking = service.token("documents"), service.token("chat")
    assert service.send(reading, "GET", "/api/v1/documents").status_code == 200
    assert service.send(reading, "POST", "/v1/chat/completions", json=QUESTION).status_code == 403
    assert service.send(asking, "GET", "/api/v1/documents").status_code == 403
    assert service.send(asking, "GET", "/v1/models").status_code == 200
    for path in ("/api/v1/keys", "/api/v1/session", "/api/v1/conversations", "/api/v1/admin/people", "/"):
        assert service.send(service.token(), "GET", path).status_code == 403
    refused = service.ask_provider("/token", grant_type="client_credentials", scope="admin")
    assert (refused.status_code, refused.json()) == (400, {"error": "invalid_scope"})


def test_a_revoked_token_is_refused_within_ten_seconds(service: ServiceClient) -> None:
    token, other = service.token(), service.token()
    assert service.send(token, "GET", "/api/v1/documents").status_code == 200
    service.revoke(token)
    took = wait_for(lambda: service.send(token, "GET", "/api/v1/documents").status_code == 401, 10)
    assert took < 10
    assert service.send(other, "GET", "/api/v1/documents").status_code == 200
    unseen = service.token()
    service.revoke(unseen)
    assert service.send(unseen, "GET", "/api/v1/documents").status_code == 401  # asked about at first sight


def test_an_open_answer_ends_when_its_token_is_revoked(model_stack: Stack, model: ScriptedModel) -> None:
    """CVE-2026-44553: what was revoked is not read on by whoever came in before."""
    model.reset()
    model.behave = talk_on
    with closing(ServiceClient(model_stack)) as service:
        token = service.token()
        asked = {"model": "chatbot", "stream": True, "messages": [{"role": "user", "content": "Talk on."}]}
        with service.stream(token, "POST", "/v1/chat/completions", json=asked) as answer:
            pieces = answer.iter_text()
            assert "word" in "".join(next(pieces) for _ in range(5))
            service.revoke(token)
            begun = time.monotonic()
            rest = "".join(pieces)  # reads until the server ends it
        assert time.monotonic() - begun < 10
        assert "[DONE]" not in rest and "access has ended" in rest
    model.reset()


def test_a_suspended_service_is_refused_at_once(
    stack: Stack, service: ServiceClient, person: Callable[[str], Person]
) -> None:
    token, ada = service.token(), person("ada")
    assert service.send(token, "GET", "/api/v1/documents").status_code == 200
    user = service_id("acme", stack.issuer, "reports")
    assert "Nightly reports" in ada.get("/api/v1/admin/people").text
    assert ada.post(f"/api/v1/admin/people/{user}/suspension").status_code == 204
    try:
        for each in (token, service.token()):
            assert service.send(each, "GET", "/api/v1/documents").status_code == 401
    finally:
        assert ada.change("DELETE", f"/api/v1/admin/people/{user}/suspension").status_code == 204
    assert service.send(token, "GET", "/api/v1/documents").status_code == 200


def test_no_administrator_makes_a_person_of_a_service(
    stack: Stack, service: ServiceClient, person: Callable[[str], Person]
) -> None:
    token, ada = service.token(), person("ada")
    assert service.send(token, "GET", "/api/v1/documents").status_code == 200
    user = service_id("acme", stack.issuer, "reports")
    ada.change("PUT", f"/api/v1/admin/people/{user}/role", json={"role": "admin"})
    ada.change("PATCH", f"/api/v1/admin/people/{user}/role", json={"role": "admin"})
    try:
        assert service.send(token, "GET", "/api/v1/admin/people").status_code in (401, 403)
    finally:
        with connect(stack, "bootstrap") as outside:
            outside.execute("alter table chatbot.users disable trigger administered")
            outside.execute("update chatbot.users set granted_role = null where id = %s", (user,))
            outside.execute("alter table chatbot.users enable trigger administered")


def test_no_token_is_ever_written_down(stack: Stack, service: ServiceClient) -> None:
    """CVE-2025-61920, CVE-2024-9606: neither a good one nor a bad one, nor a huge one."""
    good = service.token()
    header, body, signature = good.split(".")
    for token in (good, f"{header}.{body}.{signature[::-1]}", good + "A" * 9000):
        service.send(token, "GET", "/api/v1/documents")
    for log in stack.places.logs.iterdir():
        text = log.read_text()
        assert signature not in text and body not in text and "A" * 500 not in text


def test_a_service_with_a_certificate_is_the_same_service(stack: Stack, service: ServiceClient) -> None:
    document = upload(service, service.token(), "by-token.md")
    with certified(stack, stack.authority.issue(uri())) as client:
        assert document in client.get("/api/v1/documents").text
        assert client.delete(f"/api/v1/documents/{document}").status_code in (200, 204)
        answer = client.post("/v1/chat/completions", json=QUESTION)
        assert answer.status_code == 200, answer.text
    with connect(stack, "bootstrap") as outside:
        wait_for(lambda: bool(outside.execute(_TRAIL, ("certificate",)).fetchone()[0]), 10)


_TRAIL = "select count(*) from chatbot.audit_events where carrier = %s and credential = 'service-reports'"


@pytest.mark.parametrize("how", ["suspended", "revoked"])
def test_an_open_answer_ends_with_its_certificate(
    model_stack: Stack, model: ScriptedModel, person: Callable[..., Person], how: str
) -> None:
    """CVE-2026-44553: on a connection that was verified before."""
    model.reset()
    model.behave = talk_on
    issued, ada = model_stack.authority.issue(uri()), person("ada", model_stack)
    suspension = f"/api/v1/admin/people/{service_id('acme', model_stack.issuer, 'reports')}/suspension"
    asked = {"model": "chatbot", "stream": True, "messages": [{"role": "user", "content": "Talk on."}]}
    listed = model_stack.certificates / "revoked.pem"
    with certified(model_stack, issued) as client:
        try:
            with client.stream("POST", "/v1/chat/completions", json=asked) as answer:
                pieces = answer.iter_text()
                assert "word" in "".join(next(pieces) for _ in range(5))
                if how == "suspended":
                    assert ada.post(suspension).status_code == 204
                else:
                    listed.write_bytes(model_stack.authority.revoked(issued.certificate))
                begun = time.monotonic()
                rest = "".join(pieces)  # reads until the server ends it
            assert time.monotonic() - begun < 10
            assert "[DONE]" not in rest and "access has ended" in rest
            assert client.get("/v1/models").status_code == 401  # on the same connection
        finally:
            assert ada.change("DELETE", suspension).status_code == 204
            listed.write_bytes(model_stack.authority.revoked())
    model.reset()


@pytest.fixture(scope="module")
def own_stack() -> Iterator[Stack]:
    """A stack whose provider may be stopped."""
    yield from running_stack({})


def test_without_its_provider_nobody_is_let_in_and_a_new_key_is_found(own_stack: Stack) -> None:
    with closing(ServiceClient(own_stack)) as service:
        token = service.token()

        def status(token: str) -> int:
            return service.send(token, "GET", "/api/v1/documents").status_code

        assert status(token) == 200
        end_child(own_stack.processes.pop("identity"), signal.SIGTERM)
        wait_for(lambda: status(token) == 503, 10)  # closed: whether it was revoked cannot be known
        assert httpx2.get(f"{own_stack.url}/healthz", trust_env=False).status_code == 200
        own_stack.launch("identity")  # it makes a new key at each start, and remembers no token
        own_stack._wait_for("identity")
        wait_for(lambda: status(token) == 401, 10)
        wait_for(lambda: status(service.token()) == 200, 10)
