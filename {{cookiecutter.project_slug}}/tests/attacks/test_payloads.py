"""A user sends what no description names, at every place that the description has (api-validate, web-csrf, app-error)."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from development.stack import Stack
from tests.doubles.caller import DOCUMENT, OPERATIONS, Caller, calling
from tests.doubles.described import bodies, least, places, types

BODIES = bodies()
OF_BODY = pytest.mark.parametrize(("method", "path", "schema"), BODIES, ids=[f"{m} {p}" for m, p, _ in BODIES])
OF_OPERATION = pytest.mark.parametrize(("method", "path"), OPERATIONS)
EXTRA = {
    "role": "admin", "tenant_id": "0", "user_id": "0", "base_url": "http://evil.example", "owner": "x", "owner_id": "x",
    "id": "00000000-0000-4000-8000-000000000000", "created_at": "2020-01-01T00:00:00Z", "scopes_": ["chat"], "is_admin": True,
    "__proto__": {"role": "admin"}, "constructor": {"prototype": {}}, "$where": "1", "": 1,
}  # fmt: skip
WRONG = {
    "object": {"$gt": ""},
    "array": [""],
    "null": None,
    "boolean": True,
    "integer": 7,
    "number": 0.5,
    "string": "x",
}


@pytest.fixture(scope="module")
def caller(stack: Stack) -> Iterator[Caller]:
    yield from calling(stack, "ada")


def filled(caller: Caller, method: str, path: str) -> str:
    return path.format(**caller.values(method, path))


def send(caller: Caller, method: str, path: str, body: Any, **options: Any) -> httpx2.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"content-type": "application/json"} | options.pop("headers", {})
    answer = caller.person.change(method, filled(caller, method, path), content=content, headers=headers, **options)
    caller.undo(method, path)
    return answer


def test_the_enumeration_sees_every_object() -> None:
    found = {(path, place.name) for _, path, schema in BODIES for place in places(schema)}
    assert len(BODIES) >= 5
    assert ("/v1/chat/completions", "body.messages[].tool_calls[].function") in found
    assert len([place for _, _, schema in BODIES for place in places(schema)]) >= 25


@OF_BODY
def test_no_object_takes_a_field_that_it_does_not_know(
    caller: Caller, method: str, path: str, schema: dict[str, Any]
) -> None:
    """CVE-2026-44550: a field beyond the form was kept, and set the owner."""
    for place in places(schema):
        usual = send(caller, method, path, place.whole(place.least))
        assert usual.status_code != 422, (place.name, usual.text)
        for name, value in EXTRA.items():
            if name not in place.properties:
                answer = send(caller, method, path, place.whole({**place.least, name: value}))
                assert answer.status_code == 422, (place.name, name, answer.text)


@OF_BODY
def test_no_field_takes_a_value_of_another_type(caller: Caller, method: str, path: str, schema: dict[str, Any]) -> None:
    """CVE-2026-40351: an object in a string's place became a query."""
    tried = 0
    for place in places(schema):
        for name, kind in place.properties.items():
            for wrong in WRONG.keys() - types(kind):
                answer = send(caller, method, path, place.whole({**place.least, name: WRONG[wrong]}))
                assert answer.status_code == 422, (place.name, name, wrong, answer.text)
                tried += 1
    assert tried >= 5


@OF_BODY
@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 400, "1" + "0" * 309 + ".0"]
)
def test_no_number_is_endless(caller: Caller, method: str, path: str, schema: dict[str, Any], number: str) -> None:
    """CVE-2026-54235: what is no number passed every comparison."""
    for place in places(schema):
        for name in place.properties:
            text = json.dumps(place.whole({**place.least, name: "@@"})).replace('"@@"', number)
            answer = send(caller, method, path, text.encode())
            assert answer.status_code == 422, (place.name, name, answer.text)
            minus = send(caller, method, path, text.replace(number, "-0").encode())
            assert minus.status_code < 500


@OF_BODY
def test_json_is_called_json_once(caller: Caller, method: str, path: str, schema: dict[str, Any]) -> None:
    """CVE-2024-7806: a form of another site, sent as plain text, was read as JSON."""
    body = json.dumps(least(schema)).encode()
    for kinds in (
        [], ["text/plain"], ["application/x-www-form-urlencoded"], ["multipart/form-data; boundary=x"], [""],
        ["application/json; charset=utf-16"], ["application/json", "application/json"], ["application/json", "text/plain"],
        ["application/json,text/plain"], ["text/plain;application/json"],
    ):  # fmt: skip
        person = caller.person
        own = {"origin": person.stack.url, "x-csrf-token": person.csrf}
        own["cookie"] = "; ".join(f"{name}={value}" for name, value in person.cookies.items())
        request = httpx2.Request(
            method, person.stack.url + filled(caller, method, path), content=body,
            headers=[*own.items(), *(("content-type", kind) for kind in kinds)],
        )  # fmt: skip
        with httpx2.Client(trust_env=False) as client:
            assert client.send(request).status_code == 415, kinds


@OF_OPERATION
def test_no_operation_takes_a_parameter_or_a_body_that_it_does_not_know(caller: Caller, method: str, path: str) -> None:
    """CVE-2026-45365: an argument that was meant for the inside could be sent from outside, and turned checks off."""
    operation = DOCUMENT["paths"][path][method.lower()]
    known = [each["name"] for each in operation.get("parameters", []) if each["in"] == "query"]
    usual = {"name": "x.md", "format": "json"}
    needed = {name: usual[name] for name in known if name in usual}
    body = {"headers": {"content-type": "application/json"}, "content": b"{}"} if "requestBody" in operation else {}
    queries = [[*needed.items(), (name, "1")] for name in (*EXTRA, "bypass_filter", "Search", "search[]", "a b")]
    queries += [[*needed.items(), (name, "1"), (name, "2")] for name in known]
    if path == "/auth/callback":
        queries = [
            query for query in queries if query[-1][0] in known
        ]  # RFC 6749, section 4.1.2: the provider may add some
    for query in queries:
        target = filled(caller, "GET", path)
        answer = caller.person.change(method, target, params=query, **body)
        assert answer.status_code in ((400, 422) if path == "/auth/callback" else (422,)), (query, answer.text)
    if "requestBody" not in operation:
        answer = send(caller, method, path, {"role": "admin"})
        assert answer.status_code == 422, answer.text


ODD = [
    str.upper, lambda i: i.replace("-", ""), lambda i: "{" + i + "}", lambda i: f"urn:uuid:{i}", lambda i: i + "%20",
    lambda i: i + "%0a", lambda i: "%20" + i, lambda i: "".join(f"%{ord(c):02x}" for c in i), lambda i: i + "%00",
    lambda i: re.sub(r"\d", lambda d: chr(0xFF10 + int(d[0])), i), lambda i: re.sub(r"\d", lambda d: chr(0x660 + int(d[0])), i),
    lambda i: i + "/", lambda i: i + ";x=1",  lambda i: "+" + i, lambda i: "0" + i,
    lambda i: i + ".0", lambda i: i + "%2f", lambda i: i.replace("-", "%2d"), lambda i: i + "%EF%BB%BF", lambda i: "_" + i,
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), [each for each in OPERATIONS if "{" in each[1]])
def test_an_identifier_has_one_spelling(caller: Caller, method: str, path: str) -> None:
    """CVE-2026-54022: the check looked for one spelling of an id, the store folded another one to the same key."""
    body = {"json": {"question": "x"} if path.endswith("/turns") else {"title": "x"}}
    options = body if "requestBody" in DOCUMENT["paths"][path][method.lower()] else {}
    query = {"format": "json"} if path.endswith("/export") else {}
    for name in re.findall(r"\{(\w+)\}", path):
        for odd in ODD:
            values = caller.values("GET", path)
            spelt = odd(values[name])
            if spelt == values[name]:
                continue
            raw = quote(path.format(**values | {name: spelt}), safe="/%;{}+:").encode()
            url = httpx2.URL(caller.person.stack.url).copy_with(raw_path=raw + (b"?format=json" if query else b""))
            answer = caller.person.change(method, url, **options)
            assert answer.status_code in (404, 422), (spelt, answer.text)


@OF_OPERATION
def test_no_other_origin_is_told_anything(caller: Caller, method: str, path: str) -> None:
    """CVE-2025-34291: another site's page could read answers, and ask, with a visitor's cookies."""
    own = caller.person.stack.url
    origins = ("null", own + ".evil.example", own.replace("127", "1127"), "https" + own[4:], "http://localhost", own + "/",
               own.replace("http://", "http://sub."), own[:-1], "file://", "http://evil.example", own + ", " + own, "")  # fmt: skip
    body = {"json": {}} if "requestBody" in DOCUMENT["paths"][path][method.lower()] else {}
    for origin in origins:
        for verb in (method, "OPTIONS"):
            sent = {"origin": origin, "x-csrf-token": caller.person.csrf, "access-control-request-method": method}
            answer = caller.person.send(
                verb, filled(caller, "GET", path), headers=sent, **(body if verb == method else {})
            )
            assert answer.status_code == 403, (origin, verb, answer.text)
            assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_the_gateway_is_still_the_one_that_began(stack: Stack, caller: Caller) -> None:
    """CVE-2026-31949."""
    assert stack.processes["gateway"].poll() is None
    assert caller.person.get("/api/v1/session").status_code == 200
