"""openapi.json is what the routes are, whole, and current."""

import json

import pytest

from chatbot.gateway.access.actions import ACTIONS
from chatbot.gateway.public import PUBLIC
from chatbot.identity.permissions import POLICY
from development.interface import FILE, describe
from tests.house.routes import every_route

DOCUMENT = json.loads(FILE.read_text())
DESCRIBED = {(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods}
MOUNTED = {
    (method, route.path)
    for route in every_route()
    for method in route.methods
    if method != "HEAD" and route.path.startswith(("/api/", "/v1/", "/auth/", "/healthz", "/readyz", "/csp-report"))
}


def test_it_is_current() -> None:
    assert FILE.read_text() == describe(), "run make docs"


def test_every_route_is_described_and_nothing_else() -> None:
    assert DESCRIBED == MOUNTED, "run make docs"
    assert len(MOUNTED) > 20


@pytest.mark.parametrize(("method", "path"), sorted(DESCRIBED))
def test_each_says_who_may_ask_and_how_it_refuses(method: str, path: str) -> None:
    operation = DOCUMENT["paths"][path][method.lower()]
    carriers = {name for each in operation.get("security", []) for name in each}
    expected = (
        set()
        if (method, path) in PUBLIC
        else {"session"} | ({"key", "certificate"} if POLICY[ACTIONS[path][method]].scope else set())
    )
    assert carriers == expected
    form = "Error" if path.startswith("/v1/") else "Problem"
    refusals = {status: found for status, found in operation["responses"].items() if status >= "400"}
    assert all(found == {"$ref": f"#/components/responses/{form}"} for found in refusals.values())
    assert set(refusals) >= {"400", "403", "413", "415", "421", "422", "429", "503"}
    assert ("401" in refusals) == bool(expected)
    assert "default" not in operation["responses"], "what is not named is not promised"


def objects(schema: object) -> list[dict[str, object]]:
    """Return every object schema below a schema."""
    if isinstance(schema, list):
        return [found for part in schema for found in objects(part)]
    if not isinstance(schema, dict):
        return []
    below = [found for part in schema.values() for found in objects(part)]
    return [schema, *below] if schema.get("properties") else below


def test_every_body_refuses_fields_that_it_does_not_know() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    bodies = [
        operation["requestBody"]["content"]["application/json"]["schema"]
        for methods in DOCUMENT["paths"].values()
        for operation in methods.values()
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    ]
    assert len(bodies) >= 5
    waiting, seen = [body["$ref"] for body in bodies], set()
    while waiting:
        name = waiting.pop().rpartition("/")[2]
        if name in seen:
            continue
        seen.add(name)
        for found in objects(schemas[name]):
            assert found.get("additionalProperties") is False, (name, found)
        waiting += [part["$ref"] for part in every(schemas[name]) if "$ref" in part]


def every(schema: object) -> list[dict[str, str]]:
    """Return every dictionary below a schema."""
    if isinstance(schema, list):
        return [found for part in schema for found in every(part)]
    return [schema, *[found for part in schema.values() for found in every(part)]] if isinstance(schema, dict) else []
