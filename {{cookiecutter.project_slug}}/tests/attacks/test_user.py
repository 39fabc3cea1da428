"""A hostile person with an account: other sites, odd bodies, forged fields (web-csrf, web-session, app-error)."""

import json
import re
import time
from collections.abc import Callable

import httpx2
import pytest

from development.stack import Stack
from tests.doubles.database import connect
from tests.doubles.goal import must_fail
from tests.doubles.person import Person
from tests.doubles.refusals import Refusals
from tests.house.routes import every_route

UNKNOWN = "00000000-0000-4000-8000-000000000000"
UNSAFE = sorted(
    {
        (method, re.sub(r"\{(\w+)(:\w+)?\}", UNKNOWN, route.path))
        for route in every_route()
        for method in route.methods - {"GET", "HEAD"}
        if route.path not in ("/csp-report", "/auth/backchannel-logout")  # where no cookie counts
    }
)


def test_the_enumeration_sees_every_unsafe_route() -> None:
    assert len(UNSAFE) >= 6


@pytest.mark.parametrize(("method", "path"), UNSAFE)
@pytest.mark.parametrize(
    "changed",
    [
        {"origin": None},
        {"origin": "null"},
        {"origin": "https://evil.example"},
        {"origin": "http://localhost"},
        {"origin": "{own}.evil.example"},
        {"origin": "{own}/"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"x-csrf-token": None},
        {"x-csrf-token": ""},
        {"x-csrf-token": "AAAA"},
    ],
)
def test_another_site_cannot_change_anything(
    alice: Person, method: str, path: str, changed: dict[str, str | None]
) -> None:
    headers = {"origin": alice.stack.url, "sec-fetch-site": "same-origin", "x-csrf-token": alice.csrf}
    for name, value in changed.items():
        if value is None:
            del headers[name]
        else:
            headers[name] = value.replace("{own}", alice.stack.url)
    response = alice.send(method, path, headers=headers, json={"question": "x"})
    assert response.status_code == 403
    assert not [name for name in response.headers if name.startswith("access-control-")]


def test_the_token_of_another_session_is_refused(alice: Person, bob: Person) -> None:
    alice.csrf = bob.csrf
    assert alice.post("/api/v1/conversations").status_code == 403


def test_another_site_may_link_to_a_page_and_read_nothing(alice: Person) -> None:
    foreign = {"sec-fetch-site": "cross-site"}
    navigation = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document", "accept": "text/html"}
    assert alice.get("/", headers=foreign | navigation).status_code == 200
    for headers in (
        foreign,
        foreign | {"sec-fetch-mode": "cors", "sec-fetch-dest": "empty"},
        foreign | navigation | {"sec-fetch-dest": "iframe"},
        foreign | {"sec-fetch-mode": "no-cors", "sec-fetch-dest": "script"},
        {"origin": "https://evil.example"},
    ):
        assert alice.get("/api/v1/session", headers=headers).status_code == 403


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None])
def test_a_question_in_a_form_s_content_type_is_refused(alice: Person, kind: str | None) -> None:
    headers = {"content-type": kind} if kind else {}
    path = f"/api/v1/conversations/{alice.begin()}/turns"
    assert alice.post(path, content=b'{"question":"x"}', headers=headers).status_code == 415


@pytest.mark.parametrize(
    "body",
    [
        b"", b"x", b"null", b"[]", b'"x"', b"{}", b'{"question":1}', b'{"question":null}', b'{"question":["x"]}',
        b'{"question":{"$gt":""}}', b'{"question":""}', b'{"question":"  "}', b'{"question":"a\\u0000b"}',
        b'{"question":"\\ud800"}', b'{"question":"x","tenant_id":"y"}', b'{"question":"x","user_id":"y"}',
        b'{"question":"x","role":"admin"}', b'{"question":"x","base_url":"http://x"}', b'{"question":"x","search":"yes"}',
        b'{"question":NaN}', b'{"question":1e999}', b'{"question":"\xff"}', b"[" * 30_000,
        json.dumps({"question": "x" * 8001}).encode(),
    ],
)  # fmt: skip
def test_an_odd_question_is_refused(alice: Person, body: bytes) -> None:
    path = f"/api/v1/conversations/{alice.begin()}/turns"
    response = alice.post(path, content=body, headers={"content-type": "application/json"})
    assert response.status_code == 422, response.text
    assert len(response.text) < 400


def test_a_huge_question_is_cut_off_before_it_is_read(alice: Person) -> None:
    path = f"/api/v1/conversations/{alice.begin()}/turns"
    response = alice.post(path, content=b"x" * 200_000, headers={"content-type": "application/json"})
    assert response.status_code == 413


@pytest.mark.parametrize(
    "identifier",
    ["x", "1", UNKNOWN + "0", UNKNOWN.replace("-", ""), "{" + UNKNOWN + "}", "%00", "..", "urn:uuid:" + UNKNOWN],
)
def test_an_odd_identifier_is_refused_without_a_fault(alice: Person, identifier: str) -> None:
    for method, path in (
        ("GET", f"/api/v1/conversations/{identifier}"),
        ("DELETE", f"/api/v1/conversations/{identifier}"),
        ("POST", f"/api/v1/conversations/{identifier}/turns"),
        ("GET", f"/api/v1/documents/{identifier}/passages/1"),
        ("GET", f"/api/v1/documents/{UNKNOWN}/passages/{identifier}"),
        ("GET", f"/api/v1/documents/{UNKNOWN}/passages/{10**30}"),
    ):
        response = alice.change(method, path, json={"question": "x"})
        assert response.status_code in (404, 405, 422), (method, path, response.status_code)
        assert "Traceback" not in response.text


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("x.exe", b"MZ", 415),
        ("x.md", b"\xff\x01\x00", 415),
        ("x.md", b"a\x00b", 415),
        ("x.md", b"a\x1b[31mb", 415),
        ("x.md", b"", 422),
        ("x.md", b" \n\t", 422),
        ("x.md", b"x" * (2 * 1024 * 1024 + 1), 413),
        ("x.html", b"no markup", 415),
        ("x.html", b"<b>\xff\x02", 415),
        ("x.pdf", b"<b>", 415),
        ("x.docx", b"%PDF-1.7", 415),
        ("x.docx", b"PK\x03\x04 word/document.xml", 415),
        ("x.md", b"%PDF-1.7\n\x00", 415),
        ("x.zip", b"PK\x03\x04", 415),
        ("x.pdf", b"%PDF-" + b"x" * (8 * 1024 * 1024), 413),
        ("x.md.svg", b"<svg/>", 415),
        ("\u202e\u200b", b"x", 422),
        ("a" * 201 + ".md", b"x", 422),
    ],
)
def test_an_unfit_file_is_refused_with_a_reason(alice: Person, name: str, body: bytes, status: int) -> None:
    response = alice.post("/api/v1/documents", params={"name": name}, content=body)
    assert response.status_code == status, response.text
    if status != 413:
        assert response.json().get("detail")


def test_unknown_query_fields_are_refused(alice: Person) -> None:
    for field in ("owner_id", "tenant_id", "id", "url", "path", "role", "created_at"):
        response = alice.post("/api/v1/documents", params={"name": "x.md", field: "1"}, content=b"x")
        assert response.status_code == 422, field


@pytest.mark.parametrize(
    "name", ["../../etc/passwd.md", "..\\..\\x.md", "/etc/x.md", "C:\\x.md", "a/b/../c.md", "\u202eab.md"]
)
def test_a_file_name_is_only_a_label(alice: Person, name: str) -> None:
    response = alice.post("/api/v1/documents", params={"name": name}, content=b"Text.")
    assert response.status_code == 202
    assert not set(response.json()["title"]) & set("/\\\u202e")


def test_a_refusal_never_repeats_what_was_sent(alice: Person) -> None:
    canary = "canary-5b1f"
    for response in (
        alice.post("/api/v1/documents", params={"name": "x.md", canary: canary}, content=b"x"),
        alice.get(f"/api/v1/conversations/{canary}"),
        alice.post("/api/v1/documents", params={"name": f"{canary}.exe"}, content=b"x"),
        alice.get(f"/nowhere/{canary}"),
    ):
        assert response.status_code >= 400
        assert response.text.count(canary) == 0 or canary in response.json().get("detail", "").split(":")[0]


# the whole way to another's data


def test_an_injected_title_steals_nothing(alice: Person, carol: Person, stack: Stack, refusals: Refusals) -> None:
    carol.ask("tuberose-canary: what is it?")
    with connect(stack, "bootstrap") as connection:
        there = connection.execute(
            "select count(*) from chatbot.conversations where title like 'tuberose-canary%'"
        ).fetchone()
    assert there is not None
    stolen = "(select string_agg(title, '') from chatbot.conversations where title like 'tuberose%')"
    name = f"x' || coalesce({stolen}, 'nothing') || 'y.md"
    kept = alice.post("/api/v1/documents", params={"name": name}, content=b"Text.")
    assert kept.status_code == 202
    (title,) = [entry["title"] for entry in alice.get("/api/v1/documents").json() if entry["id"] == kept.json()["id"]]
    must_fail("tuberose-canary" in title, "the statement ran and brought back another tenant's titles")
    if title == "xnothingy.md":  # the injection ran, and saw none of the rows that exist
        refusals.note("sql-tenant", there[0])
    else:
        refusals.note("sql-params", 1)


def test_a_fault_inside_tells_nothing_outside(alice: Person, stack: Stack, refusals: Refusals) -> None:
    """An operator's mistake makes every listing fail: the log knows why, the caller does not."""
    with connect(stack, "bootstrap") as connection:
        connection.execute("revoke select on chatbot.conversations from chatbot_api")
        try:
            response = alice.get("/api/v1/conversations")
        finally:
            connection.execute("grant select on chatbot.conversations to chatbot_api")
    for word in ("chatbot.", "conversations", "permission", "SELECT", "psycopg", "sqlalchemy", "Traceback", ".py"):
        must_fail(word in response.text, f"the answer names its inside: {word}")
    assert response.status_code == 500
    assert response.json()["id"] in (stack.places.logs / "gateway.log").read_text()
    assert alice.get("/api/v1/conversations").status_code == 200


JSON_ROUTES = sorted(
    (method, re.sub(r"\{\w+\}", "00000000-0000-4000-8000-000000000000", route.path))
    for route in every_route()
    for method in route.methods
    if method in ("POST", "PATCH")
    and route.path not in ("/csp-report", "/api/v1/documents", "/auth/backchannel-logout")
    and not route.path.startswith("/v1")
)


@pytest.mark.parametrize(("method", "path"), JSON_ROUTES)
@pytest.mark.parametrize(
    "body",
    [
        b'{"title":"a","title":"b"}',
        b'{"question":"a","question":"b"}',
        b'{"a":' * 40 + b"1" + b"}" * 40,
        b'{"name":"\\ud800"}',
    ],
)
def test_a_body_that_can_be_read_in_two_ways_is_refused_on_every_route(
    alice: Person, person: Callable[..., Person], method: str, path: str, body: bytes
) -> None:
    somebody = person("ada") if "/admin/" in path else alice
    answer = somebody.change(method, path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422


def test_a_key_for_chatting_touches_no_document_and_makes_no_key(alice: Person) -> None:
    document = alice.upload("kept.md", "# Kept\n\nThis stays.")
    key = alice.post("/api/v1/keys", json={"name": "chat", "scopes": ["chat"]}).json()["key"]
    stolen = {"authorization": f"Bearer {key}"}
    tried = [("GET", "/api/v1/documents"), ("DELETE", f"/api/v1/documents/{document}"), ("GET", "/api/v1/keys")]
    with httpx2.Client(base_url=alice.stack.url, trust_env=False) as program:
        answered = [program.request(method, path, headers=stolen).status_code for method, path in tried]
        more = {"name": "more", "scopes": ["chat", "documents"]}
        answered.append(program.post("/api/v1/keys", headers=stolen, json=more).status_code)
    must_fail(any(status < 300 for status in answered), f"a key for chatting went further: {answered}")
    assert answered == [403] * 4
    assert document in alice.get("/api/v1/documents").text


def test_no_act_goes_without_a_record(alice: Person, person: Callable[..., Person]) -> None:
    document = alice.upload("evidence.md", "# Evidence\n\nIt was here.")
    assert alice.change("DELETE", f"/api/v1/documents/{document}").status_code == 204
    ada = person("ada")
    end = time.monotonic() + 5
    found = False
    while not found and time.monotonic() < end:
        rows = ada.get("/api/v1/audit", params={"most": 500}).json()
        found = any(row["object"] == document and row["name"] == "Alice Archer" for row in rows)
        time.sleep(0.05)  # polling: records are written every half second
    must_fail(not found, "a document was deleted and nobody knows by whom")
