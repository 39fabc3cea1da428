"""A visitor without an account. Everything but the public table refuses (api-auth, web-session, app-error, web-csp)."""

import json
import re
import socket

import httpx2
import pytest

from chatbot.gateway.middleware.headers import HEADERS
from chatbot.gateway.public import PUBLIC
from chatbot.identity.keys import new_key
from development.stack import Stack
from tests.doubles.database import connect
from tests.doubles.goal import must_fail
from tests.doubles.person import Person
from tests.doubles.refusals import Refusals
from tests.house.routes import every_route

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def filled(path: str) -> str:
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda match: "1" if match[1] == "chunk" else UNKNOWN, path)


PROTECTED = sorted(
    (method, filled(route.path))
    for route in every_route()
    for method in route.methods
    if ((method if method != "HEAD" else "GET"), route.path) not in PUBLIC and not route.path.startswith("/assets/")
)


def test_the_enumeration_sees_the_whole_application() -> None:
    assert len(PROTECTED) >= 15
    assert ("POST", f"/api/v1/conversations/{UNKNOWN}/turns") in PROTECTED


@pytest.mark.parametrize(("method", "path"), PROTECTED)
def test_visitor_is_refused_on_every_route(visitor: Person, method: str, path: str) -> None:
    response = visitor.send(method, path, headers={"origin": visitor.stack.url})
    assert response.status_code == 401
    expected = "application/json" if path.startswith("/v1/") else "application/problem+json"
    assert response.headers["content-type"] == expected


def test_a_visitor_cannot_fill_the_memory(visitor: Person) -> None:
    flood = (b"x" * 65536 for _ in range(480))
    try:
        answer = visitor.send("POST", "/csp-report", content=flood, headers={"origin": visitor.stack.url})
    except httpx2.TransportError:
        return  # the server hung up on it
    must_fail(answer.status_code == 204, "the whole body was read")
    assert answer.status_code == 413


@pytest.mark.parametrize(("method", "path"), PROTECTED)
@pytest.mark.parametrize("token", ["x", "A" * 43, "' OR 1=1 --", "../session", "%00", "null", '{"$gt":""}'])
def test_a_made_up_session_opens_nothing(visitor: Person, method: str, path: str, token: str) -> None:
    name = f"__Host-chatbot-{visitor.stack.places.instance}-session"
    headers = {"origin": visitor.stack.url, "cookie": f"{name}={token}", "x-csrf-token": "x"}
    assert visitor.send(method, path, headers=headers).status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/session/", "//api/v1/session", "/api/v1/session/x.css", "/api/v1/../v1/session", "/api/v1/session;x.css",
        "/sign-in/../api/v1/session", "/sign-in/", "/sign-in%2f..%2fapi/v1/session", "/assets/../api/v1/session",
        "/assets/%2e%2e/%2e%2e/etc/passwd", "/assets/scripts/../../chatbot/core/errors.py", "/assets/", "/openapi.json",
        "/docs", "/redoc", "/metrics", "/debug", "/.env", "/API/v1/session", "/api/v1/session%00", "/%61pi/v1/session",
    ],
)  # fmt: skip
def test_no_spelling_of_a_path_gets_past_the_gate(visitor: Person, path: str) -> None:
    with httpx2.Client(base_url=visitor.stack.url, trust_env=False) as client:
        request = client.build_request("GET", "/")
        request.url = request.url.copy_with(raw_path=path.encode())
        assert client.send(request).status_code == 401


def test_a_page_sends_a_browser_to_the_sign_in_page(visitor: Person) -> None:
    # the page that it came for stands behind #, and only where it is a plain word
    for path, behind in (
        ("/", ""),
        ("/documents", "#/documents"),
        ("/a%0d%0ab", ""),
        ("//evil.example", ""),
        ("/a/b", ""),
    ):
        response = visitor.get(path, headers={"accept": "text/html"})
        assert (response.status_code, response.headers["location"]) == (303, f"/sign-in{behind}")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "QUERY"])
def test_every_answer_carries_the_policy_and_no_cors_header(visitor: Person, method: str) -> None:
    for path in ("/sign-in", "/api/v1/session", "/nowhere", "/healthz", "/assets/styles.css"):
        response = visitor.send(method, path, headers={"origin": "https://evil.example"})
        for name, value in HEADERS.items():
            assert response.headers[name] == value, (path, name)
        assert not [name for name in response.headers if name.startswith("access-control-")]
        assert "server" not in response.headers


def test_the_policy_is_the_final_one() -> None:
    policy = dict(part.strip().split(" ", 1) for part in HEADERS["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["trusted-types"] == "'none'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in HEADERS["content-security-policy"]
    assert "*" not in HEADERS["content-security-policy"]


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "localhost:{port}", "127.0.0.1:{port}/x", "127.0.0.1:{port}?", "a@127.0.0.1:{port}",
             "127.0.0.1:{port} x", "127.0.0.1:{port}#", "127.0.0.1:1"],
)  # fmt: skip
def test_a_wrong_host_is_refused_before_routing(visitor: Person, host: str) -> None:
    host = host.format(port=visitor.stack.port)
    for path in ("/sign-in", "/", "/api/v1/session"):
        assert visitor.get(path, headers={"host": host}).status_code in (400, 421)


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.parametrize("host", ["10.0.0.7:8000", "canary.example", "canary<b>.example"])
def test_a_probe_without_the_public_host_is_answered_and_nothing_of_it_comes_back(
    visitor: Person, path: str, host: str
) -> None:
    answer = visitor.get(path, headers={"host": host})
    assert answer.status_code == 200
    told = f"{answer.headers} {answer.text}"
    assert host not in told and "canary" not in told
    for other in (path + "/", path + "/x", "/x" + path, path.upper(), path + "%00", "/" + path):
        assert visitor.get(other, headers={"host": host}).status_code in (400, 421), other
    for method in ("POST", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"):
        assert visitor.send(method, path, headers={"host": host}).status_code in (400, 403, 405, 421), method


def test_the_health_answers_say_nothing_more(visitor: Person) -> None:
    assert visitor.get("/healthz").json() == {"status": "alive"}
    assert visitor.get("/readyz").json() == {"status": "ready"}


@pytest.mark.parametrize(
    "body",
    [b"", b"x", b"[]", b"{}", b'{"csp-report": 1}', b'{"csp-report": {"blocked-uri": "\\u000aforged"}}', b"\xff" * 100],
)
def test_the_report_endpoint_takes_anything_and_keeps_its_calm(visitor: Person, body: bytes) -> None:
    response = visitor.send("POST", "/csp-report", content=body, headers={"origin": visitor.stack.url})
    assert response.status_code == 204


def test_a_huge_report_is_cut_off(visitor: Person) -> None:
    response = visitor.send("POST", "/csp-report", content=b"x" * 20_000, headers={"origin": visitor.stack.url})
    assert response.status_code == 413


def test_the_list_of_public_routes_is_short_and_known() -> None:
    assert {path for _, path in PUBLIC} == {
        "/sign-in", "/auth/login", "/auth/callback", "/auth/backchannel-logout", "/csp-report", "/healthz", "/readyz",
    }  # fmt: skip
    assert {route.path for route in every_route()} >= {path for _, path in PUBLIC}


def test_an_error_names_no_inside(visitor: Person) -> None:
    body = visitor.get("/auth/callback?code=x&state=y").text
    problem = json.loads(body)
    assert problem["status"] == 400
    assert set(problem) == {"type", "status", "title", "id", "detail"}


def test_visitor_reads_nothing_that_exists(stack: Stack, visitor: Person, alice: Person, refusals: Refusals) -> None:
    """The whole way to somebody's data, not only the status: a document, a conversation and their texts."""
    alice.upload("canary.md", "# Canary\n\nThe visitor's word is saffron-canary.")
    conversation = alice.ask("What is the visitor's word, saffron-canary?").conversation
    with connect(stack, "bootstrap") as connection:
        there = connection.execute("select count(*) from chatbot.documents").fetchone()
    assert there is not None
    for path in ("/api/v1/documents", "/api/v1/conversations", f"/api/v1/conversations/{conversation}"):
        response = visitor.get(path)
        must_fail("canary" in response.text, f"{path} was read without an account")
        if response.status_code == 200 and response.json() == []:  # the database was asked, and showed none of its rows
            refusals.note("sql-tenant", there[0])


def test_a_visitor_who_guesses_keys_is_soon_not_even_looked_at(limited_stack: Stack) -> None:
    """LLMJACKING-2024 begins with a credential that somebody found or guessed."""
    with httpx2.Client(base_url=limited_stack.url, trust_env=False) as client:
        guesses = [
            client.get("/v1/models", headers={"authorization": f"Bearer {new_key()}"}).status_code for _ in range(40)
        ]
    with limited_stack.state.connect() as everything:  # others of these tests come from the same address
        everything.delete("rate:address:127.0.0.1:refused-credentials")
    must_fail(guesses.count(401) > 20, f"{guesses.count(401)} guesses were looked at")
    assert guesses[-1] == 429


def test_a_visitor_who_never_ends_a_request_holds_no_connection(limited_stack: Stack) -> None:
    with socket.create_connection(("127.0.0.1", limited_stack.port), 5) as slow:
        slow.sendall(b"GET /healthz HTTP/1.1\r\nx: ")
        try:
            said = slow.recv(100)
        except TimeoutError:
            said = b"nothing"
    must_fail(said == b"nothing", "a connection was held for as long as the attacker liked")
    assert said.startswith(b"HTTP/1.1 408")
