"""A tenant's administrator: people are listed, given roles and budgets, shut out and let in again."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from chatbot.core.principal import Role
from development.stack import Stack
from tests.doubles.kept_sessions import rewrite_session
from tests.doubles.person import Person
from tests.doubles.upstream import ScriptedModel, talk_on

PEOPLE = "/api/v1/admin/people"
Enrolled = Callable[..., Person]


@dataclass
class Team:
    """People of one tenant."""

    name: str
    admin: Person
    member: Person
    auditor: Person


@pytest.fixture
def team(stack: Stack, enrolled: Enrolled) -> Team:
    return make_team(stack, enrolled)


def make_team(at: Stack, enrolled: Enrolled) -> Team:
    name = f"team-{uuid4().hex[:12]}"
    return Team(name, enrolled(at, name, Role.ADMIN), enrolled(at, name, Role.MEMBER), enrolled(at, name, Role.AUDITOR))


def entry(seen_by: Person, who: Person) -> dict[str, Any]:
    (found,) = [each for each in seen_by.get(PEOPLE).json() if each["id"] == who.user]
    return dict(found)


def by_key(person: Person, method: str = "GET", path: str = "/api/v1/documents", **options: Any) -> int:
    headers, url = {"authorization": f"Bearer {person.key}"}, person.stack.url + path
    return httpx2.request(method, url, headers=headers, trust_env=False, timeout=10, **options).status_code


def test_the_list_is_the_tenant_s_own_and_shows_what_administration_needs(team: Team) -> None:
    listed = team.admin.get(PEOPLE).json()
    assert {each["id"] for each in listed} == {team.admin.user, team.member.user, team.auditor.user}
    found = entry(team.admin, team.member)
    assert set(found) == {
        "id", "name", "role", "provider_role", "granted", "suspended_at", "signed_in_at", "monthly_tokens", "keys", "own",
    }  # fmt: skip
    assert (found["role"], found["provider_role"], found["granted"], found["keys"]) == ("member", "member", False, 1)
    assert [each["own"] for each in listed if each["id"] == team.admin.user] == [True]
    assert team.auditor.get(PEOPLE).status_code == 200
    assert team.member.get(PEOPLE).status_code == 403


def test_a_granted_role_counts_until_it_is_taken_back(team: Team, enrolled: Enrolled) -> None:
    path = f"{PEOPLE}/{team.member.user}/role"
    assert team.admin.change("PATCH", path, json={"role": "admin"}).status_code == 204
    found = entry(team.admin, team.member)
    assert (found["role"], found["provider_role"], found["granted"]) == ("admin", "member", True)
    assert team.member.get("/api/v1/session").status_code == 401, "rights changed: the session is a new one"
    assert team.admin.change("PATCH", path, json={"role": None}).status_code == 204
    found = entry(team.admin, team.member)
    assert (found["role"], found["granted"]) == ("member", False)


def test_nobody_changes_their_own_rights(team: Team) -> None:
    before = entry(team.admin, team.admin)
    for method, what, body in (
        ("PATCH", "role", {"role": "member"}),
        ("PATCH", "budget", {"monthly_tokens": 5}),
        ("POST", "suspension", None),
        ("DELETE", "suspension", None),
    ):
        answer = team.admin.change(method, f"{PEOPLE}/{team.admin.user}/{what}", json=body)
        assert answer.status_code == 403, (method, what)
    assert entry(team.admin, team.admin) == before


def test_two_administrators_who_shut_each_other_out_at_once_leave_one(stack: Stack, enrolled: Enrolled) -> None:
    for _ in range(4):
        name = f"duel-{uuid4().hex[:12]}"
        two = [enrolled(stack, name, Role.ADMIN) for _ in range(2)]
        witness = enrolled(stack, name, Role.AUDITOR)
        with ThreadPoolExecutor(2) as pool:
            sent = [
                pool.submit(two[place].change, "POST", f"{PEOPLE}/{two[1 - place].user}/suspension")
                for place in range(2)
            ]
            statuses = sorted(each.result().status_code for each in sent)
        assert statuses[0] == 204
        assert statuses[1] in (401, 403, 404)
        left = [each for each in witness.get(PEOPLE).json() if each["role"] == "admin" and not each["suspended_at"]]
        assert len(left) == 1


def test_keys_of_people_are_seen_and_revoked_and_open_nothing(team: Team) -> None:
    (key,) = team.auditor.get(f"{PEOPLE}/{team.member.user}/keys").json()
    assert set(key) == {
        "id",
        "name",
        "hint",
        "scopes",
        "networks",
        "created_at",
        "expires_at",
        "last_used_at",
        "revoked_at",
    }
    assert len(key["hint"]) == 10
    assert by_key(team.member) == 200
    path = f"{PEOPLE}/{team.member.user}/keys/{key['id']}"
    assert team.auditor.change("DELETE", path).status_code == 403
    assert team.admin.change("DELETE", f"{PEOPLE}/{team.auditor.user}/keys/{key['id']}").status_code == 404
    assert by_key(team.member) == 200
    assert team.admin.change("DELETE", path).status_code == 204
    assert team.admin.change("DELETE", path).status_code == 404
    assert by_key(team.member) == 401
    assert team.member.get("/api/v1/session").status_code == 200


def test_sessions_are_ended_and_the_person_may_sign_in_again(team: Team) -> None:
    assert team.admin.change("DELETE", f"{PEOPLE}/{team.member.user}/sessions").status_code == 204
    assert team.member.get("/api/v1/session").status_code == 401
    assert by_key(team.member) == 200


def test_a_budget_of_one_s_own_is_kept_and_counts(stack: Stack, team: Team) -> None:
    path = f"{PEOPLE}/{team.member.user}/budget"
    assert team.admin.change("PATCH", path, json={"monthly_tokens": 7_000}).status_code == 204
    assert entry(team.admin, team.member)["monthly_tokens"] == 7_000
    own = [each for each in team.member.get("/api/v1/usage").json()["budgets"] if each["window"] == "month"]
    assert [each["tokens"]["limit"] for each in own] == [7_000]
    assert team.admin.change("PATCH", path, json={"monthly_tokens": 0}).status_code == 204
    assert team.member.post(
        f"/api/v1/conversations/{team.member.begin()}/turns", json={"question": "x"}
    ).status_code in (402, 403, 429)
    assert team.admin.change("PATCH", path, json={"monthly_tokens": None}).status_code == 204
    assert entry(team.admin, team.member)["monthly_tokens"] is None


BUDGET = "/api/v1/admin/budget"


@pytest.mark.parametrize("whose", ["user", "tenant"])
def test_a_budget_of_one_s_own_outlives_the_counters(stack: Stack, team: Team, whose: str) -> None:
    """Counters end when nobody has asked for long, or with Valkey's data; what an administrator said does not."""
    path = f"{PEOPLE}/{team.member.user}/budget" if whose == "user" else BUDGET
    assert team.admin.change("PATCH", path, json={"monthly_tokens": 0}).status_code == 204
    with stack.state.connect() as everything:
        assert everything.delete(*everything.scan_iter(f"budget:{whose}:*", count=10_000))
    asked = {"model": "chatbot", "messages": [{"role": "user", "content": "x"}]}
    assert by_key(team.member, "POST", "/v1/chat/completions", json=asked) == 429
    shown = [each for each in team.member.get("/api/v1/usage").json()["budgets"] if each["window"] == "month"]
    assert shown[0]["tokens"]["limit"] == (0 if whose == "user" else None)
    question = team.member.post(f"/api/v1/conversations/{team.member.begin()}/turns", json={"question": "x"})
    assert question.status_code == 429
    assert team.admin.change("PATCH", path, json={"monthly_tokens": None}).status_code == 204
    assert by_key(team.member, "POST", "/v1/chat/completions", json=asked) == 200


def test_a_tenant_s_own_budget_is_its_administrator_s_and_counts_for_all(
    stack: Stack, enrolled: Enrolled, team: Team
) -> None:
    stranger = enrolled(stack, f"other-{uuid4().hex[:12]}", Role.ADMIN)
    assert team.auditor.get(BUDGET).json() == {"monthly_tokens": None, "most_monthly_tokens": None}
    for somebody, status in ((team.member, 403), (team.auditor, 403), (team.admin, 204)):
        assert somebody.change("PATCH", BUDGET, json={"monthly_tokens": 0}).status_code == status
    assert team.admin.get(BUDGET).json()["monthly_tokens"] == 0
    assert team.member.get(BUDGET).status_code == 403
    assert stranger.get(BUDGET).json()["monthly_tokens"] is None
    shown = [each for each in team.auditor.get("/api/v1/usage").json()["budgets"] if each["scope"] == "tenant"]
    assert [each["tokens"]["limit"] for each in shown] == [None, None, 0]

    def ask(person: Person) -> int:
        path = f"/api/v1/conversations/{person.begin()}/turns"
        return person.post(path, json={"question": "x"}).status_code

    assert (ask(team.member), ask(team.admin), ask(stranger)) == (429, 429, 200)
    for body in ({}, {"monthly_tokens": -1}, {"monthly_tokens": "1"}, {"monthly_tokens": 1, "tenant_id": "x"}):
        assert team.admin.change("PATCH", BUDGET, json=body).status_code == 422
    assert team.admin.change("PATCH", BUDGET, json={"monthly_tokens": None}).status_code == 204
    assert ask(team.member) == 200


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("role", {}), ("role", {"role": "service"}), ("role", {"role": "root"}), ("role", {"role": ["admin"]}),
        ("role", {"role": "admin", "tenant_id": "x"}), ("role", {"role": "admin", "id": "x"}), ("role", None), ("role", []),
        ("budget", {}), ("budget", {"monthly_tokens": -1}), ("budget", {"monthly_tokens": "5"}), ("budget", {"monthly_tokens": 1.5}),
        ("budget", {"monthly_tokens": True}), ("budget", {"monthly_tokens": 10**13}), ("budget", {"monthly_tokens": 1, "role": "admin"}),
        ("budget", {"monthly_tokens": 1, "granted_role": "admin"}),
    ],
)  # fmt: skip
def test_a_body_that_says_more_or_something_else_changes_nothing(team: Team, what: str, body: Any) -> None:
    before = entry(team.admin, team.member)
    assert team.admin.change("PATCH", f"{PEOPLE}/{team.member.user}/{what}", json=body).status_code == 422
    assert entry(team.admin, team.member) == before


def test_a_dangerous_act_needs_a_sign_in_of_a_moment_ago(team: Team) -> None:
    with team.admin.stack.state.connect() as valkey:
        kept = [name for name in valkey.keys("session:*") if valkey.hget(name, "user") == team.admin.user.encode()]
    for name in kept:
        rewrite_session(team.admin.stack, name.decode(), authenticated=1)
    for method, what, body in (
        ("PATCH", "role", {"role": "admin"}),
        ("PATCH", "budget", {"monthly_tokens": 1}),
        ("POST", "suspension", None),
        ("DELETE", "suspension", None),
        ("DELETE", f"keys/{uuid4()}", None),
    ):
        answer = team.admin.change(method, f"{PEOPLE}/{team.member.user}/{what}", json=body)
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:chatbot:sign-in-again"), what
    assert team.admin.get(PEOPLE).status_code == 200
    assert entry(team.admin, team.member)["suspended_at"] is None


# shutting out


def test_suspension_closes_every_way_in_and_resuming_opens_them(team: Team) -> None:
    path = f"{PEOPLE}/{team.member.user}/suspension"
    for _ in range(2):  # asking twice is harmless
        assert team.admin.change("POST", path).status_code == 204
        assert entry(team.admin, team.member)["suspended_at"]
        assert team.member.get("/api/v1/session").status_code == 401
        assert by_key(team.member) == by_key(team.member, path="/v1/models") == 401
    assert team.admin.change("DELETE", path).status_code == 204
    assert by_key(team.member) == 200


@pytest.fixture
def carols_admin(stack: Stack, enrolled: Enrolled, carol: Person) -> Iterator[tuple[Person, str]]:
    """An administrator of Carol's tenant, and the path of her person; she is as before when the test has ended."""
    admin = enrolled(stack, "globex", Role.ADMIN)
    path = f"{PEOPLE}/{carol.get('/api/v1/session').json()['user']}"
    yield admin, path
    assert admin.change("DELETE", f"{path}/suspension").status_code == 204
    assert admin.change("PATCH", f"{path}/role", json={"role": None}).status_code == 204


def come_back(person: Person) -> httpx2.Response:
    back = person.answer_of_provider("carol", person.get("/auth/login").headers["location"])
    return person.get(back.removeprefix(person.stack.url))


def test_somebody_suspended_cannot_sign_in(
    carols_admin: tuple[Person, str], carol: Person, visitor: Person, stack: Stack
) -> None:
    admin, path = carols_admin
    assert admin.change("POST", f"{path}/suspension").status_code == 204
    assert carol.get("/api/v1/session").status_code == 401
    refused = come_back(visitor)
    assert refused.status_code == 403
    assert {name: refused.json()[name] for name in ("title", "detail")} == {
        "title": "This account may not use the application",
        "detail": "It is suspended. Ask an administrator of your organisation.",
    }
    assert not [name for name in visitor.cookies if name.endswith("-session")]
    with stack.state.connect() as valkey:
        assert not valkey.zcard(f"sessions:{path.rpartition('/')[2]}")


def test_a_granted_role_survives_the_next_sign_in(carols_admin: tuple[Person, str], carol: Person) -> None:
    admin, path = carols_admin
    assert admin.change("PATCH", f"{path}/role", json={"role": "auditor"}).status_code == 204
    carol.sign_in("carol")
    assert carol.get("/api/v1/session").json()["role"] == "auditor"
    assert carol.get(PEOPLE).status_code == 200
    assert carol.post("/api/v1/conversations").status_code == 403


def test_nobody_becomes_administrator_by_being_first(stack: Stack, enrolled: Enrolled) -> None:
    """The first administrator comes from the provider's groups, as the settings map them."""
    first = enrolled(stack, f"empty-{uuid4().hex[:12]}")
    assert first.get("/api/v1/session").json()["role"] == "member"
    assert first.get(PEOPLE).status_code == 403


# open streams


@dataclass
class Open:
    """An answer that is being read in a thread."""

    began: threading.Event = field(default_factory=threading.Event)
    text: str = ""
    status: int = 0


def read(person: Person, path: str, body: dict[str, Any], answer: Open, headers: dict[str, str]) -> Open:
    client = httpx2.Client(base_url=person.stack.url, trust_env=False, timeout=20)
    with client, client.stream("POST", path, json=body, headers=headers) as response:
        answer.status = response.status_code
        for piece in response.iter_text():
            answer.text += piece
            if "word" in answer.text:
                answer.began.set()
    return answer


def open_turn(person: Person, answer: Open) -> Open:
    cookie = "; ".join(f"{name}={value}" for name, value in person.cookies.items())
    own = {"origin": person.stack.url, "x-csrf-token": person.csrf, "cookie": cookie}
    return read(person, f"/api/v1/conversations/{person.begin()}/turns", {"question": "Go on"}, answer, own)


def open_completion(person: Person, answer: Open) -> Open:
    body = {"model": "chatbot", "stream": True, "messages": [{"role": "user", "content": "Go on"}]}
    return read(person, "/v1/chat/completions", body, answer, {"authorization": f"Bearer {person.key}"})


def suspend(team: Team) -> httpx2.Response:
    return team.admin.change("POST", f"{PEOPLE}/{team.member.user}/suspension")


def demote(team: Team) -> httpx2.Response:
    return team.admin.change("PATCH", f"{PEOPLE}/{team.member.user}/role", json={"role": "auditor"})


def end_sessions(team: Team) -> httpx2.Response:
    return team.admin.change("DELETE", f"{PEOPLE}/{team.member.user}/sessions")


def sign_out(team: Team) -> httpx2.Response:
    return team.member.change("DELETE", "/api/v1/session")


def revoke(team: Team) -> httpx2.Response:
    (key,) = team.admin.get(f"{PEOPLE}/{team.member.user}/keys").json()
    return team.admin.change("DELETE", f"{PEOPLE}/{team.member.user}/keys/{key['id']}")


@pytest.mark.parametrize(
    ("opened", "taken"),
    [(open_turn, suspend), (open_turn, demote), (open_turn, end_sessions), (open_turn, sign_out),
     (open_completion, suspend), (open_completion, demote), (open_completion, revoke)],
    ids=lambda each: each.__name__,
)  # fmt: skip
def test_an_open_stream_ends_with_its_admission(
    model_stack: Stack, model: ScriptedModel, enrolled: Enrolled,
    opened: Callable[[Person, Open], Open], taken: Callable[[Team], httpx2.Response],
) -> None:  # fmt: skip
    """CVE-2026-44553: rights end on a connection that is open already, and the model is stopped."""
    gone = threading.Event()

    def behave(handler: Any) -> None:
        talk_on(handler)  # until the gateway hangs up
        gone.set()

    team, answer = make_team(model_stack, enrolled), Open()
    model.reset()
    model.behave = behave
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(opened, team.member, answer)
        assert answer.began.wait(10)
        assert taken(team).status_code == 204
        reading.result(10)  # or TimeoutError: it went on
    model.reset()
    assert gone.wait(5), "the model was not stopped"
    assert answer.status == 200
    last = answer.text.rstrip().rpartition("\n\n")[2]
    assert "Your access has ended" in last, last
    assert last.startswith("event: problem" if opened is open_turn else "data: ")


def test_a_stream_whose_reader_keeps_their_rights_goes_on(
    model_stack: Stack, model: ScriptedModel, enrolled: Enrolled
) -> None:
    """What happens to a colleague ends nobody else's answer (CVE-2026-42276)."""
    team, answer = make_team(model_stack, enrolled), Open()
    other = enrolled(model_stack, team.name)
    checked = threading.Event()
    model.reset()
    model.behave = lambda handler: talk_until(handler, checked)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(open_turn, team.member, answer)
        assert answer.began.wait(10)
        assert team.admin.change("POST", f"{PEOPLE}/{other.user}/suspension").status_code == 204
        length = len(answer.text)
        while len(answer.text) < length + 12_000:  # several checks long at the model's pace
            assert not reading.done(), answer.text[-300:]
            checked.wait(0.05)
        checked.set()
        reading.result(10)
    model.reset()
    assert "event: end" in answer.text
    assert "event: problem" not in answer.text


def talk_until(handler: Any, ended: threading.Event) -> None:
    from tests.doubles.upstream import begin_stream, end_stream, send_piece

    begin_stream(handler)
    while not ended.wait(0.01):
        send_piece(handler, "word ")
    end_stream(handler)
