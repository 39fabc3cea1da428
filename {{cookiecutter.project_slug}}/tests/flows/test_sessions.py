"""Sessions end to end: listed, ended, proved anew, ended by the provider (web-session)."""

import hashlib
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx2
import pytest
from joserfc import jwk, jwt

from development.provider_logout import EVENT, logout_token
from development.stack import Stack
from tests.doubles.kept_sessions import rewrite_session
from tests.doubles.person import Person

AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def sessions(person: Person) -> list[dict[str, Any]]:
    answer = person.get("/api/v1/sessions")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


def signed_in(person: Person) -> bool:
    return person.get("/api/v1/session").status_code == 200


def test_one_s_sessions_are_listed_and_ended_one_by_one(person: Callable[..., Person]) -> None:
    here, there, third = person("bob"), person("bob"), person("bob")
    found = {session["id"]: session for session in sessions(here)}
    assert len(found) >= 3
    (own,) = [session for session in found.values() if session["current"]]
    assert own["address"] == "127.0.0.1"
    other = next(session["id"] for session in sessions(there) if session["current"])
    assert here.change("DELETE", f"/api/v1/sessions/{other}").status_code == 204
    assert here.change("DELETE", f"/api/v1/sessions/{other}").status_code == 404
    assert (signed_in(here), signed_in(there), signed_in(third)) == (True, False, True)
    assert here.change("DELETE", "/api/v1/sessions").status_code == 204
    assert (signed_in(here), signed_in(third)) == (True, False)
    assert [session["current"] for session in sessions(here)] == [True]


def test_a_session_says_what_its_owner_recognises_and_nothing_that_opens_it(person: Callable[..., Person]) -> None:
    visitor = person()
    begun = visitor.get("/auth/login")
    back = visitor.answer_of_provider("carol", begun.headers["location"])
    visitor.get(back.removeprefix(visitor.stack.url), headers={"user-agent": AGENT})
    (own,) = [session for session in sessions(visitor) if session["current"]]
    assert own["browser"] == "Firefox on Linux"
    assert set(own) == {"id", "current", "browser", "address", "begun_at", "seen_at", "ends_at"}
    (cookie,) = visitor.cookies.values()
    assert cookie not in visitor.get("/api/v1/sessions").text


def test_nobody_ends_another_s_session(alice: Person, person: Callable[..., Person]) -> None:
    bob = person("bob")
    for session in sessions(bob):
        assert alice.change("DELETE", f"/api/v1/sessions/{session['id']}").status_code == 404
    assert alice.change("DELETE", "/api/v1/sessions").status_code == 204
    assert signed_in(bob)


# step-up


def kept_name(person: Person) -> str:
    """Return the name under which the person's session is kept."""
    (token,) = person.cookies.values()
    return "session:" + hashlib.sha256(token.encode()).hexdigest()


def age(person: Person, seconds: int) -> None:
    """Let the person's proof of who they are be so many seconds old."""
    with person.stack.state.connect() as everything:
        authenticated = int(everything.hget(kept_name(person), "authenticated"))
    rewrite_session(person.stack, kept_name(person), authenticated=authenticated - seconds)


def test_a_dangerous_act_needs_a_new_proof_and_a_new_proof_is_a_new_session(person: Callable[..., Person]) -> None:
    """CVE-2026-54036: what opens an account for good is not given to whoever found a session open."""
    ada = person("ada")
    wanted = {"name": "nightly", "scopes": ["chat"]}
    age(ada, 601)
    refused = ada.post("/api/v1/keys", json=wanted)
    assert refused.status_code == 403
    assert refused.json()["type"] == "urn:chatbot:sign-in-again"
    old = dict(ada.cookies)
    begun = ada.get("/auth/login", params={"again": "true", "return": "/settings"})
    query = dict(httpx2.URL(begun.headers["location"]).params)
    assert (query["prompt"], query["max_age"]) == ("login", "0")
    done = ada.get(ada.answer_of_provider("ada", begun.headers["location"]).removeprefix(ada.stack.url))
    assert (done.status_code, done.headers["location"]) == (303, "/settings")
    assert ada.cookies != old
    ada.csrf = ada.get("/api/v1/session").json()["csrf_token"]
    assert ada.post("/api/v1/keys", json=wanted).status_code == 201
    ada.cookies = old
    assert not signed_in(ada), "the session of before has ended"


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example", "/\\evil.example", "https://evil.example", "/%2f%2fevil.example", "/\tevil", "/settings\r\nx: y",
        "/settings/", "settings", "/settings?x", "javascript:alert(1)", "", "/api/v1/session", "/sign-in", "/auth/login",
    ],
)  # fmt: skip
def test_a_sign_in_returns_to_our_own_pages_only(visitor: Person, target: str) -> None:
    """CVE-2026-18266: a target that any address could be."""
    answer = visitor.get("/auth/login", params={"return": target})
    assert answer.status_code == 422
    assert "location" not in answer.headers


# the provider's own end


def end_at_provider(person: Person, name: str, **more: str) -> dict[str, Any]:
    fields = {"name": name, "password": person.stack.secrets.password(name), **more}
    answer = httpx2.post(f"{person.stack.issuer}/end", data=fields, trust_env=False)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("which", ["all", "this"])
def test_whoever_signs_out_at_the_provider_is_signed_out_here(person: Callable[..., Person], which: str) -> None:
    grace, carol = person("grace"), person("carol")
    assert end_at_provider(grace, "grace", session=which)["told"] == 200
    assert not signed_in(grace)
    assert signed_in(carol)


def send(stack: Stack, token: object, **options: Any) -> int:
    data = {"logout_token": token} if isinstance(token, str) else token
    return httpx2.post(f"{stack.url}/auth/backchannel-logout", data=data, trust_env=False, **options).status_code


def test_a_logout_token_is_good_once(person: Callable[..., Person], stack: Stack) -> None:
    token = end_at_provider(person("grace"), "grace")["logout_token"]
    assert send(stack, token) == 400
    later = person("grace")
    assert send(stack, token) == 400
    assert signed_in(later)


def test_nobody_but_the_provider_signs_anybody_out(person: Callable[..., Person], stack: Stack) -> None:
    grace = person("grace")
    own = jwk.generate_key("EC", "P-256", parameters={"kid": "x"})
    forged = [
        "",
        "a.b.c",
        "x" * 9000,
        logout_token(own, stack.issuer, "chatbot", sub="grace"),
        jwt.encode({"alg": "HS256"}, {"sub": "grace", "events": {EVENT: {}}}, jwk.import_key("s" * 32, "oct")),
        "eyJhbGciOiJub25lIn0.e30.",
    ]
    for token in forged:
        assert send(stack, token) in (400, 413), token
    assert send(stack, {}) == 400
    genuine = end_at_provider(person("carol"), "carol")["logout_token"]
    assert send(stack, {"logout_token": [genuine, genuine]}) == 400
    assert signed_in(grace)


def test_an_id_token_signs_nobody_out(person: Callable[..., Person], stack: Stack) -> None:
    """CVE-2025-41258: one token is never taken for another kind."""
    visitor = person()
    begun = visitor.get("/auth/login")
    back = visitor.answer_of_provider("grace", begun.headers["location"])
    code = dict(httpx2.URL(back).params)["code"]
    # the application's own secret and verifier are needed to get one: so the attacker is its operator here
    with stack.state.connect() as everything:
        attempts = [
            everything.get(key) for key in everything.scan_iter("attempt:*") if everything.type(key) == b"string"
        ]
    import orjson

    state = dict(httpx2.URL(begun.headers["location"]).params)["state"]
    (attempt,) = [found for found in map(orjson.loads, attempts) if isinstance(found, dict) and found["state"] == state]
    answer = httpx2.post(
        f"{stack.issuer}/token",
        data={
            "grant_type": "authorization_code", "code": code, "code_verifier": attempt["verifier"],
            "redirect_uri": f"{stack.url}/auth/callback",
        },
        auth=("chatbot", stack.secrets["identity_client_secret"]),
        trust_env=False,
    )  # fmt: skip
    assert send(stack, answer.json()["id_token"]) == 400


def test_another_site_s_page_cannot_use_what_the_provider_may(alice: Person) -> None:
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        answer = alice.send("POST", "/auth/backchannel-logout", headers=headers, data={"logout_token": "x"})
        assert answer.status_code == 403


def test_use_is_seen(person: Callable[..., Person]) -> None:
    bob = person("bob")
    rewrite_session(bob.stack, kept_name(bob), seen=int(time.time()) - 500, begun=int(time.time()) - 1000)
    shown = next(session for session in sessions(bob) if session["current"])
    passed = datetime.fromisoformat(shown["seen_at"]) - datetime.fromisoformat(shown["begun_at"])
    assert passed.total_seconds() >= 990


def test_a_change_of_rights_ends_the_sessions_of_before(person: Callable[..., Person]) -> None:
    carol = person("carol")
    (own,) = [session["id"] for session in sessions(carol) if session["current"]]
    with carol.stack.state.connect() as everything:
        (kept,) = everything.scan_iter(f"session:{own}*")
    rewrite_session(carol.stack, kept.decode(), role="admin")  # as if she had been one until now
    again = person("carol")
    assert (signed_in(carol), signed_in(again)) == (False, True)
