"""Someone with a copied, fixed or expired session, or another's answer of the provider (web-session)."""

import hashlib
import time
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from development.stack import Stack
from tests.doubles.database import principal_of
from tests.doubles.goal import must_fail
from tests.doubles.person import Person

# sessions


def test_the_session_cookie_is_a_bare_secret_with_every_protection(
    alice: Person, person: Callable[[str], Person]
) -> None:
    visitor = person("")
    started = visitor.get("/auth/login")
    back = visitor.answer_of_provider("alice", started.headers["location"])
    done = visitor.get(back.removeprefix(visitor.stack.url))
    cookies = done.headers.get_list("set-cookie")
    (session,) = [cookie for cookie in cookies if "-session=" in cookie and "Max-Age=0" not in cookie]
    for part in ("__Host-", "; Secure", "; HttpOnly", "; SameSite=Lax", "; Path=/"):
        assert part in session
    assert "Domain" not in session
    value = session.split("=", 1)[1].split(";")[0]
    assert len(value) == 43
    with alice.stack.state.connect() as valkey:
        names = {key.decode() for key in valkey.keys("session:*")}
        assert "session:" + hashlib.sha256(value.encode()).hexdigest() in names
        assert value not in str([valkey.hgetall(name) for name in names])


def test_signing_in_gives_a_new_session_and_ends_the_old(alice: Person) -> None:
    old = dict(alice.cookies)
    alice.sign_in("alice")
    assert set(old.values()).isdisjoint(alice.cookies.values())
    alice.cookies = old
    assert alice.get("/api/v1/session").status_code == 401


def test_a_fixed_session_id_is_never_adopted(person: Callable[[str], Person]) -> None:
    victim = person("")
    name = f"__Host-chatbot-{victim.stack.places.instance}-session"
    victim.cookies[name] = "attackers-choice"
    victim.sign_in("alice")
    assert victim.cookies[name] != "attackers-choice"


def test_signing_out_ends_the_session_for_every_copy_of_the_cookie(alice: Person) -> None:
    copy = dict(alice.cookies)
    assert alice.change("DELETE", "/api/v1/session").status_code == 204
    assert not alice.cookies
    alice.cookies = copy
    opened = alice.get("/api/v1/session")
    must_fail(
        opened.status_code == 200 and opened.json()["name"].startswith("Alice"), "the copy still opens the session"
    )
    assert opened.status_code == 401


def test_a_session_written_into_the_store_opens_nothing(
    stack: Stack, alice: Person, person: Callable[[str], Person]
) -> None:
    """The gateway's own password for the session store, and nothing else: tenants and people have no secret names."""
    token, now = "A" * 43, int(time.time())
    name = "session:" + hashlib.sha256(token.encode()).hexdigest()
    victim = principal_of(person("grace"), "globex")
    forged = {
        "tenant": str(victim.tenant_id), "user": str(victim.user_id), "role": "admin", "name": "Mallory", "authenticated": now,
        "begun": now, "seen": now, "address": "", "agent": "", "provider": "", "end": now + 10**9,
    }  # fmt: skip
    (own,) = alice.cookies.values()
    turned = "session:" + hashlib.sha256(own.encode()).hexdigest()
    (cookie,) = alice.cookies
    for key, value in ((name, token), (turned, own)):
        with stack.state.connect("gateway") as thief:
            thief.hset(key, mapping=forged)
        alice.cookies = {cookie: value}
        opened = alice.get("/api/v1/admin/people")
        must_fail(opened.status_code == 200, "the people of another tenant are read")
        assert opened.status_code == 401
        with stack.state.connect() as everything:
            assert not everything.exists(key), "what nobody signed is kept"


def test_an_expired_session_opens_nothing(alice: Person) -> None:
    (value,) = alice.cookies.values()
    name = "session:" + hashlib.sha256(value.encode()).hexdigest()
    with alice.stack.state.connect() as valkey:
        assert 0 < valkey.ttl(name) <= 3600
        valkey.hset(name, "end", "1")
    assert alice.get("/api/v1/session").status_code == 401
    with alice.stack.state.connect() as valkey:
        assert not valkey.exists(name)


# the way in


def begin(person: Person) -> tuple[Person, str]:
    location = person.get("/auth/login").headers["location"]
    return person, person.answer_of_provider("alice", location).removeprefix(person.stack.url)


def test_the_answer_of_the_provider_is_good_for_one_try_in_one_browser(person: Callable[[str], Person]) -> None:
    victim, back = begin(person(""))
    thief = person("")
    assert thief.get(back).status_code == 400  # another browser: no attempt under way
    thief.get("/auth/login")
    assert thief.get(back).status_code == 400  # an attempt of its own: another state
    assert victim.get(back).status_code == 303
    assert victim.get(back).status_code == 400  # a second time


@pytest.mark.parametrize(
    "change",
    [
        lambda q: q | {"state": "x" * 43},
        lambda q: {k: v for k, v in q.items() if k != "state"},
        lambda q: q | {"iss": "https://evil.example"},
        lambda q: {k: v for k, v in q.items() if k != "iss"},
        lambda q: q | {"code": "x"},
        lambda q: {k: v for k, v in q.items() if k != "code"},
        lambda q: q | {"error": "access_denied"},
        lambda q: q | {"more": "x" * 4097},
    ],
)
def test_a_changed_answer_of_the_provider_is_refused(
    person: Callable[[str], Person], change: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    someone, back = begin(person(""))
    query = dict(httpx2.URL(back).params)
    response = someone.get("/auth/callback", params=change(query))
    assert response.status_code == 400
    assert not [name for name in someone.cookies if name.endswith("-session")]


@pytest.mark.parametrize("doubled", ["state=x&", "code=x&", "iss=x&", "more=1&more=1&"])
def test_a_doubled_parameter_is_refused(person: Callable[[str], Person], doubled: str) -> None:
    """The genuine one comes last, as a reader of the last would take it."""
    someone, back = begin(person(""))
    assert someone.get(back.replace("?", f"?{doubled}", 1)).status_code == 400


def test_the_request_to_the_provider_is_bound_and_exact(person: Callable[[str], Person]) -> None:
    visitor = person("")
    query = dict(httpx2.URL(visitor.get("/auth/login").headers["location"]).params)
    assert query["code_challenge_method"] == "S256"
    assert len(query["code_challenge"]) == 43
    assert len(query["state"]) == len(query["nonce"]) == 43
    assert query["redirect_uri"] == f"{visitor.stack.url}/auth/callback"
