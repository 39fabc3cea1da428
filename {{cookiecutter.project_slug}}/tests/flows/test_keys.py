"""API keys: made once, used as far as their scopes reach, revoked at once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from chatbot.identity.keys import digest_key, is_key, new_key
from development.stack import Stack
from tests.doubles.database import connect
from tests.doubles.person import Person

SECRET = "The pantry's tin is turquoise."


@pytest.fixture
def program(stack: Stack) -> Iterator[Callable[..., httpx2.Response]]:
    """Return a function that sends as a program does: with a key, with nothing of a browser's."""
    with httpx2.Client(base_url=stack.url, timeout=20, trust_env=False) as client:

        def send(key: str, method: str, path: str, **options: Any) -> httpx2.Response:
            headers = {"authorization": f"Bearer {key}"} | options.pop("headers", {})
            return client.request(method, path, headers=headers, **options)

        yield send


def make(person: Person, **wanted: Any) -> dict[str, Any]:
    response = person.post("/api/v1/keys", json={"name": "test", "scopes": ["chat", "documents"]} | wanted)
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


Program = Callable[..., httpx2.Response]


def test_a_key_acts_in_its_owner_s_name_and_sees_what_they_see(alice: Person, carol: Person, program: Program) -> None:
    key = make(alice)["key"]
    document = alice.upload("pantry.md", SECRET)
    assert document in program(key, "GET", "/api/v1/documents").text
    theirs = make(carol)["key"]
    assert document not in program(theirs, "GET", "/api/v1/documents").text
    assert program(theirs, "DELETE", f"/api/v1/documents/{document}").status_code == 404
    added = program(key, "POST", "/api/v1/documents", params={"name": "by-program.md"}, content=b"# By a program")
    assert added.status_code == 202, added.text
    assert program(key, "DELETE", f"/api/v1/documents/{added.json()['id']}").status_code == 204


def test_a_key_is_shown_once_and_kept_nowhere(alice: Person, stack: Stack) -> None:
    made = make(alice, name="  nightly\u202e report ")
    assert is_key(made["key"]) and made["name"] == "nightly report"
    assert made["key"] not in alice.get("/api/v1/keys").text and made["hint"] in alice.get("/api/v1/keys").text
    with connect(stack, "bootstrap") as outside:
        row = outside.execute(
            "select api_keys::text, digest from chatbot.api_keys where id = %s", (made["id"],)
        ).fetchone()
    assert row is not None and made["key"][4:] not in row[0] and row[1] == digest_key(made["key"])
    for log in stack.places.logs.iterdir():
        assert made["key"] not in log.read_text()


def test_the_gateway_s_role_cannot_read_a_digest(alice: Person, stack: Stack) -> None:
    import psycopg

    make(alice)
    with connect(stack, "api") as inside, pytest.raises(psycopg.errors.InsufficientPrivilege):
        inside.execute("select digest from chatbot.api_keys")


@pytest.mark.parametrize(
    ("scopes", "path", "status"),
    [
        (["chat"], "/api/v1/documents", 403),
        (["documents"], "/api/v1/documents", 200),
        (["documents"], "/v1/models", 403),
        (["chat", "documents"], "/api/v1/keys", 403),
        (["chat", "documents"], "/api/v1/conversations", 403),
        (["chat", "documents"], "/api/v1/session", 403),
        (["chat", "documents"], "/", 403),
        (["chat", "documents"], "/api/v1/documentsx", 404),
        (["chat", "documents"], "/v1x", 404),
        (["chat"], "/v1/../api/v1/keys", 403),
        (["chat"], "/v1/%2e%2e/api/v1/keys", 404),
        (["chat"], "/v1/nowhere", 404),
    ],
)
def test_a_key_reaches_what_its_scopes_name(
    alice: Person, program: Program, scopes: list[str], path: str, status: int
) -> None:
    key = make(alice, scopes=scopes)["key"]
    assert program(key, "GET", path).status_code == status


def test_a_revoked_or_expired_key_opens_nothing(alice: Person, bob: Person, program: Program, stack: Stack) -> None:
    revoked, expired = make(alice), make(alice)
    assert bob.change("DELETE", f"/api/v1/keys/{revoked['id']}").status_code == 404
    assert program(revoked["key"], "GET", "/api/v1/documents").status_code == 200
    assert alice.change("DELETE", f"/api/v1/keys/{revoked['id']}").status_code == 204
    assert alice.change("DELETE", f"/api/v1/keys/{revoked['id']}").status_code == 404
    with connect(stack, "bootstrap") as outside:
        outside.execute(
            "update chatbot.api_keys set created_at = now() - interval '2 days', expires_at = now() - interval '1 second'"
            " where id = %s",
            (expired["id"],),
        )
    for each in (revoked, expired):
        answer = program(each["key"], "GET", "/api/v1/documents")
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    listed = {entry["id"]: entry for entry in alice.get("/api/v1/keys").json()}
    assert listed[revoked["id"]]["revoked_at"] and listed[revoked["id"]]["last_used_at"]
    assert expired["id"] not in listed


@pytest.mark.parametrize(
    "carried",
    ["Bearer", "Bearer x", "Basic eDp5", "Bearer cbk_" + "0" * 49, "bearer null", f"Bearer {new_key()}",
     f"Bearer {new_key()[:-1]}", "Bearer cbk_' or ''='" + "x" * 36, "Bearer \u00e9"],
    ids=range(9),
)  # fmt: skip
def test_what_is_no_key_of_ours_opens_nothing(visitor: Person, carried: str) -> None:
    for path in ("/v1/models", "/api/v1/documents", "/nowhere"):
        headers = {"authorization": carried.encode("latin-1")}
        assert visitor.send("GET", path, headers=headers).status_code == 401


def test_two_credentials_are_none(alice: Person, program: Program, stack: Stack) -> None:
    key = make(alice)["key"]
    for method, path in (("GET", "/api/v1/documents"), ("GET", "/v1/models"), ("POST", "/api/v1/conversations")):
        answer = alice.send(method, path, headers={"authorization": f"Bearer {key}"})
        assert answer.status_code == 400, answer.text
    twice = httpx2.get(
        f"{stack.url}/api/v1/documents", headers=[("authorization", f"Bearer {key}")] * 2, trust_env=False
    )
    assert twice.status_code == 403


def test_a_key_sent_from_another_site_s_page_is_refused(alice: Person, program: Program) -> None:
    key = make(alice)["key"]
    path = "/api/v1/documents"
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}):
        answer = program(key, "POST", path, params={"name": "x.md"}, content=b"x", headers=headers)
        assert answer.status_code == 403


@pytest.mark.parametrize(
    "body",
    [{}, {"name": "x"}, {"name": "", "scopes": ["chat"]}, {"name": "\u200b", "scopes": ["chat"]},
     {"name": "x", "scopes": []}, {"name": "x", "scopes": ["admin"]}, {"name": "x", "scopes": ["chat", "chat"]},
     {"name": "x", "scopes": ["chat"], "days": 0}, {"name": "x", "scopes": ["chat"], "days": 367},
     {"name": "x", "scopes": ["chat"], "days": "7"}, {"name": "x" * 81, "scopes": ["chat"]},
     {"name": "x", "scopes": ["chat"], "user_id": "y"}, {"name": "x", "scopes": ["chat"], "digest": "y"}],
)  # fmt: skip
def test_an_unfit_key_is_not_made(bob: Person, body: dict[str, Any]) -> None:
    before = len(bob.get("/api/v1/keys").json())
    assert bob.post("/api/v1/keys", json=body).status_code == 422
    assert len(bob.get("/api/v1/keys").json()) == before


def test_a_person_has_so_many_keys_and_no_more(person: Callable[[str], Person]) -> None:
    grace = person("grace")
    made = [make(grace)["id"] for _ in range(20 - len(grace.get("/api/v1/keys").json()))]
    assert grace.post("/api/v1/keys", json={"name": "x", "scopes": ["chat"]}).status_code == 422
    assert grace.change("DELETE", f"/api/v1/keys/{made[0]}").status_code == 204
    make(grace)


def test_a_key_ends_when_its_owner_no_longer_signs_in(alice: Person, program: Program, stack: Stack) -> None:
    key = make(alice)["key"]
    who = alice.get("/api/v1/session").json()["user"]
    with connect(stack, "bootstrap") as outside:
        for days, status in ((29, 200), (31, 401)):
            outside.execute(
                "update chatbot.users set signed_in_at = now() - make_interval(days => %s) where id = %s", (days, who)
            )
            assert program(key, "GET", "/api/v1/documents").status_code == status
    alice.sign_in("alice")
    assert program(key, "GET", "/api/v1/documents").status_code == 200


def test_a_list_of_keys_has_an_end_and_making_them_at_once_makes_no_more(person: Callable[[str], Person]) -> None:
    grace = person("grace")
    for entry in grace.get("/api/v1/keys").json():
        grace.change("DELETE", f"/api/v1/keys/{entry['id']}")
    for _ in range(30):
        grace.change("DELETE", f"/api/v1/keys/{make(grace)['id']}")
    assert len([entry for entry in grace.get("/api/v1/keys").json() if entry["revoked_at"]]) <= 21
    with ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(grace.post, "/api/v1/keys", json={"name": "race", "scopes": ["chat"]}) for _ in range(40)]
        assert {each.result().status_code for each in sent} <= {201, 422}
    living = [entry for entry in grace.get("/api/v1/keys").json() if not entry["revoked_at"]]
    assert len(living) == 20
    for entry in living:
        grace.change("DELETE", f"/api/v1/keys/{entry['id']}")


# from where


@pytest.fixture
def owner(stack: Stack, enrolled: Callable[..., Person]) -> Person:
    """Somebody with few keys."""
    return enrolled(stack, "acme")


@pytest.mark.parametrize(
    ("networks", "kept", "status"),
    [
        ([], [], 200),
        (["127.0.0.1"], ["127.0.0.1/32"], 200),
        (["10.0.0.0/8", "127.0.0.9/8", "10.0.0.1/8"], ["10.0.0.0/8", "127.0.0.0/8"], 200),
        (["::ffff:127.0.0.1", "0.0.0.0/0"], ["::ffff:7f00:1/128", "0.0.0.0/0"], 200),
        (["10.0.0.0/8"], ["10.0.0.0/8"], 401),
        (["127.0.0.2"], ["127.0.0.2/32"], 401),
        (["::1", "::/0"], ["::1/128", "::/0"], 401),
    ],
)
def test_a_key_opens_only_from_where_it_is_used(
    owner: Person, program: Program, networks: list[str], kept: list[str], status: int
) -> None:
    made = make(owner, networks=networks)
    assert made["networks"] == kept
    for headers in ({}, {"x-forwarded-for": "10.0.0.1"}, {"x-real-ip": "10.0.0.1"}, {"forwarded": "for=10.0.0.1"}):
        for method, path in (("GET", "/api/v1/documents"), ("GET", "/v1/models")):
            assert program(made["key"], method, path, headers=headers).status_code == status
    (listed,) = [entry for entry in owner.get("/api/v1/keys").json() if entry["id"] == made["id"]]
    assert (listed["networks"], listed["last_used_at"] is None) == (kept, status == 401)
    owner.change("DELETE", f"/api/v1/keys/{made['id']}")


@pytest.mark.parametrize("address", ["10.1.2.3", "2001:db8::7", None, "10.1.2.3, 127.0.0.1"])
def test_a_key_is_looked_up_with_the_address_that_is_given(owner: Person, stack: Stack, address: str | None) -> None:
    """What reads as no address is in no network: closed, at the database too."""
    import psycopg

    made = make(owner, networks=["10.1.0.0/16", "2001:db8::/32"])
    with connect(stack, "api") as inside:
        try:
            row = inside.execute(
                "select name from secure.find_key(%s, %s::inet)", (digest_key(made["key"]), address)
            ).fetchone()
        except psycopg.errors.InvalidTextRepresentation:
            row = None
    assert (row is not None) == (address in ("10.1.2.3", "2001:db8::7"))
    owner.change("DELETE", f"/api/v1/keys/{made['id']}")


@pytest.mark.parametrize(
    "networks",
    ["10.0.0.0/8", ["10.0.0.0/33"], ["10.0.0"], ["010.0.0.1"], ["localhost"], [""], ["*"], [10], ["fe80::1%eth0"], ["1.1.1.1"] * 21],
    ids=str,
)  # fmt: skip
def test_what_is_no_network_makes_no_key(owner: Person, networks: Any) -> None:
    answer = owner.post("/api/v1/keys", json={"name": "x", "scopes": ["chat"], "networks": networks})
    assert answer.status_code == 422
    assert "networks" in answer.text


# one after the other


def rotate(person: Person, key: str, **wanted: Any) -> httpx2.Response:
    return person.post(f"/api/v1/keys/{key}/rotation", json=wanted)


def test_a_successor_may_the_same_and_the_old_key_works_a_while(owner: Person, program: Program) -> None:
    old = make(owner, name="nightly", scopes=["documents"], networks=["127.0.0.0/8"])
    answer = rotate(owner, old["id"], overlap_hours=2)
    assert answer.status_code == 201, answer.text
    new = answer.json()
    same = ("name", "scopes", "networks")
    assert [new[name] for name in same] == [old[name] for name in same]
    assert is_key(new["key"]) and new["key"] != old["key"]
    for made in (old, new):
        assert program(made["key"], "GET", "/api/v1/documents").status_code == 200
        assert program(made["key"], "GET", "/v1/models").status_code == 403
    listed = {entry["id"]: entry for entry in owner.get("/api/v1/keys").json()}
    ends = datetime.fromisoformat(listed[old["id"]]["expires_at"]) - datetime.now(UTC)
    assert timedelta(hours=1.9) < ends <= timedelta(hours=2)
    assert rotate(owner, old["id"], overlap_hours=700).status_code == 201  # never longer than before
    listed = {entry["id"]: entry for entry in owner.get("/api/v1/keys").json()}
    assert datetime.fromisoformat(listed[old["id"]]["expires_at"]) - datetime.now(UTC) <= timedelta(hours=2)


def test_without_an_overlap_the_old_key_ends_at_once(owner: Person, bob: Person, program: Program) -> None:
    old = make(owner)
    assert rotate(bob, old["id"], overlap_hours=0).status_code == 404
    assert program(old["key"], "GET", "/api/v1/documents").status_code == 200
    new = rotate(owner, old["id"], overlap_hours=0, days=1).json()
    assert program(old["key"], "GET", "/api/v1/documents").status_code == 401
    assert program(new["key"], "GET", "/api/v1/documents").status_code == 200
    assert rotate(owner, old["id"]).status_code == 404  # what was revoked has no successor
    for body in ({"overlap_hours": -1}, {"overlap_hours": 721}, {"overlap_hours": "1"}, {"days": 0}, {"scopes": ["chat"]},
                 {"networks": []}, {"user_id": owner.get("/api/v1/session").json()["user"]}):  # fmt: skip
        assert rotate(owner, new["id"], **body).status_code == 422
    owner.change("DELETE", f"/api/v1/keys/{new['id']}")


@pytest.mark.parametrize("overlap_hours", [0, 2])
def test_a_key_that_is_revoked_at_the_same_moment_has_no_successor(
    owner: Person, stack: Stack, overlap_hours: int
) -> None:
    """Whoever revokes a stolen key while the thief rotates it has ended it."""
    old = make(owner)
    before = len(owner.get("/api/v1/keys").json())
    with ThreadPoolExecutor(1) as beside, connect(stack, "bootstrap", autocommit=False) as outside:
        outside.execute("update chatbot.api_keys set revoked_at = now() where id = %s", (old["id"],))
        rotating = beside.submit(rotate, owner, old["id"], overlap_hours=overlap_hours)
        while not outside.execute("select 1 from pg_locks where not granted").fetchone():
            assert not rotating.done(), rotating.result().text  # polling what the database does
        outside.commit()
        assert rotating.result().status_code == 404
    assert len(owner.get("/api/v1/keys").json()) == before


def test_rotating_makes_no_more_keys_than_there_may_be(person: Callable[[str], Person]) -> None:
    grace = person("grace")
    made = [
        make(grace)["id"] for _ in range(20 - len([e for e in grace.get("/api/v1/keys").json() if not e["revoked_at"]]))
    ]
    assert rotate(grace, made[0]).status_code == 422
    assert rotate(grace, made[0], overlap_hours=0).status_code == 201
    for entry in grace.get("/api/v1/keys").json():
        grace.change("DELETE", f"/api/v1/keys/{entry['id']}")


def test_what_a_key_used_is_shown_to_its_owner(owner: Person, bob: Person, program: Program) -> None:
    key = make(owner, name="spender")
    question = {"model": "chatbot", "messages": [{"role": "user", "content": "What?"}]}
    assert program(key["key"], "POST", "/v1/chat/completions", json=question).status_code == 200
    shown = [each for each in owner.get("/api/v1/usage").json()["budgets"] if each["key"] == "spender"]
    assert [each["window"] for each in shown] == ["minute", "day", "month"]
    assert shown[2]["scope"] == "key" and shown[2]["tokens"]["used"] > 0
    assert "spender" not in bob.get("/api/v1/usage").text
    owner.change("DELETE", f"/api/v1/keys/{key['id']}")
    assert "spender" not in owner.get("/api/v1/usage").text
