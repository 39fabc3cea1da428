"""Somebody with tokens that are not for here: another kind, another key, another one's (acc-identity, CVE-2025-41258)."""

import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from development.stack import Stack
from tests.doubles.certified import ask, shown_by, uri
from tests.doubles.forger import OTHER, Forger
from tests.doubles.goal import must_fail
from tests.doubles.machine import ServiceClient
from tests.doubles.person import Person

PATHS = ("/v1/models", "/api/v1/documents", "/api/v1/session", "/api/v1/admin/people", "/nowhere")


@pytest.fixture
def service(stack: Stack) -> Iterator[ServiceClient]:
    made = ServiceClient(stack)
    yield made
    made.close()


def forger(stack: Stack, **changed: Any) -> Forger:
    now = int(time.time())
    claims = {"iss": stack.issuer, "aud": stack.url, "sub": "reports", "client_id": "reports", "iat": now,
              "exp": now + 600, "jti": "x", "scope": "chat documents"}  # fmt: skip
    return Forger("at+jwt", claims | changed)


def key_name(stack: Stack) -> str:
    return str(httpx2.get(f"{stack.issuer}/jwks", trust_env=False).json()["keys"][0]["kid"])


def test_a_forged_token_of_a_service_that_exists_opens_nothing(stack: Stack, service: ServiceClient) -> None:
    service.send(service.token(), "GET", "/v1/models")  # it exists, and its issuer's keys are known
    made = forger(stack)
    named = made.signed(OTHER, header={"kid": key_name(stack)})
    with_its_key = made.signed(OTHER, header={"kid": key_name(stack), "jwk": OTHER.as_dict(private=False)})
    for token in (named, with_its_key):
        for path in PATHS:
            answer = service.send(token, "GET", path)
            must_fail(answer.status_code == 200, f"{path} was read with a token of the attacker's own making")
            assert answer.status_code == 401


def test_a_token_for_another_application_opens_nothing(service: ServiceClient) -> None:
    """Whoever runs that other application has it, genuine and signed, and tries it here (RFC 9700, section 4.9.1)."""
    borrowed = service.token(resource="https://other.example")
    for path in PATHS:
        answer = service.send(borrowed, "GET", path)
        must_fail(answer.status_code == 200, f"{path} was read with a token for another application")
        assert answer.status_code == 401


def test_every_known_forgery_opens_nothing_at_the_running_gate(stack: Stack, service: ServiceClient) -> None:
    """CVE-2026-28802, CVE-2026-27962, CVE-2025-59420, CVE-2025-61920: at the gate as at the verifier."""
    for name, token in forger(stack).forgeries().items():
        if isinstance(token, str) and token.isprintable() and token.strip() == token != "":
            answer = service.send(token, "GET", "/api/v1/documents")
            assert answer.status_code in (400, 401), name


def test_a_person_s_session_and_a_service_s_token_are_never_each_other(
    stack: Stack, service: ServiceClient, alice: Person
) -> None:
    """CVE-2025-41258: a session is no bearer token, a token is no session's cookie."""
    (name, session), token = next(iter(alice.cookies.items())), service.token()
    for path in PATHS:
        assert service.send(session, "GET", path).status_code == 401
        answer = httpx2.get(f"{stack.url}{path}", headers={"cookie": f"{name}={token}"}, trust_env=False)
        assert answer.status_code == 401


def test_a_logout_token_is_no_access_token(stack: Stack, service: ServiceClient, alice: Person) -> None:
    """CVE-2025-41258: signed by the same key of the same issuer, and for another use."""
    begun = alice.get("/auth/login")
    assert begun.status_code == 303
    fields = {"name": "alice", "password": stack.secrets.password("alice"), "tell": "no"}
    logout = httpx2.post(f"{stack.issuer}/end", data=fields, trust_env=False).json()["logout_token"]
    for path in PATHS:
        assert service.send(logout, "GET", path).status_code == 401


def test_two_credentials_are_none(service: ServiceClient, alice: Person) -> None:
    token = service.token()
    for path in PATHS:
        answer = alice.get(path, headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == 400
    twice = [("authorization", f"Bearer {token}")] * 2
    answer = httpx2.get(f"{alice.stack.url}/v1/models", headers=twice, trust_env=False)
    assert answer.status_code in (400, 403)


def test_another_site_s_page_gets_nothing_from_a_token(service: ServiceClient) -> None:
    token = service.token()
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}):
        answer = service.send(
            token, "POST", "/api/v1/documents", params={"name": "x.md"}, content=b"x", headers=headers
        )
        assert answer.status_code == 403


def test_the_provider_gives_no_token_to_whoever_has_no_secret(stack: Stack) -> None:
    for auth in (None, ("reports", "x"), ("reports", ""), ("chatbot", stack.secrets["identity_service_secret"])):
        form = {"grant_type": "client_credentials"}
        answer = httpx2.post(f"{stack.issuer}/token", data=form, auth=auth, trust_env=False)
        assert answer.status_code == 401
        for path in ("/introspect", "/revoke"):
            assert httpx2.post(f"{stack.issuer}{path}", data={}, auth=auth, trust_env=False).status_code == 401


def test_a_certificate_of_another_service_opens_nothing(stack: Stack) -> None:
    """One authority issues for a whole company: whoever runs another of its services has a genuine one."""
    shown = shown_by(stack.authority.issue(uri("spiffe://acme.example/billing")), stack.authority)
    for path in PATHS:
        status, _ = ask(stack.services_port, shown, "GET", path)
        must_fail(status == 200, f"{path} was read with another service's certificate")
        assert status == 401
