"""Every leaf of every request has a maximum: texts, numbers, lists and open objects, by a walk over the schema."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from development.stack import PROJECT

SPEC = json.loads((PROJECT / "openapi.json").read_text())
METHODS = ("get", "put", "post", "delete", "patch")
# JSON of the client's own form, which the body's own limit bounds; and the provider's answer, which the head's bounds before the route
OPEN = {
    "post /csp-report",
    "post /v1/chat/completions",
    *(f"get /auth/callback {name}" for name in ("code", "state", "iss", "error")),
}


def requests() -> Iterator[tuple[str, Any]]:
    """Yield what each operation takes: a name, and a schema."""
    for path, item in SPEC["paths"].items():
        for method in METHODS:
            operation = item.get(method, {})
            for parameter in [*item.get("parameters", []), *operation.get("parameters", [])]:
                yield f"{method} {path} {parameter['name']}", parameter["schema"]
            for content in operation.get("requestBody", {}).get("content", {}).values():
                yield f"{method} {path}", content["schema"]


def unbounded(schema: dict[str, Any], place: str, above: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the places in a schema that nothing bounds."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        if name not in above:
            yield from unbounded(SPEC["components"]["schemas"][name], place, (*above, name))
        return
    choices = [choice for word in ("anyOf", "oneOf", "allOf") for choice in schema.get(word, [])]
    if choices:
        for choice in choices:
            yield from unbounded(choice, place, above)
    elif "enum" not in schema and "const" not in schema:
        kind = schema.get("type", "anything")
        yield from {"object": in_object, "array": in_list}.get(kind, in_leaf)(schema, place, above)


def in_object(schema: dict[str, Any], place: str, above: tuple[str, ...]) -> Iterator[str]:
    for name, inner in schema.get("properties", {}).items():
        yield from unbounded(inner, f"{place}.{name}", above)
    if schema.get("additionalProperties", True) is not False and "maxProperties" not in schema:
        yield f"{place}.*"
    if isinstance(schema.get("additionalProperties"), dict):
        yield from unbounded(schema["additionalProperties"], f"{place}.*", above)


def in_list(schema: dict[str, Any], place: str, above: tuple[str, ...]) -> Iterator[str]:
    if "maxItems" not in schema:
        yield f"{place}[]"
    yield from unbounded(schema["items"], f"{place}[]", above)


def in_leaf(schema: dict[str, Any], place: str, _above: tuple[str, ...]) -> Iterator[str]:
    bounds = {
        "string": "maxLength" in schema or schema.get("format") == "uuid",
        "integer": {"minimum", "maximum"} <= set(schema) or {"minimum", "exclusiveMaximum"} <= set(schema),
        "number": {"minimum", "maximum"} <= set(schema),
        "boolean": True,
        "null": True,
        "anything": {"maxLength", "maxItems", "maxProperties"} <= set(schema),
    }
    if not bounds[schema.get("type", "anything")]:
        yield place


def test_every_leaf_of_every_request_has_a_maximum() -> None:
    found = [place for name, schema in requests() if name not in OPEN for place in unbounded(schema, name)]
    assert found == []
    assert len(list(requests())) > 20


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string"}, {"type": "string", "pattern": ".*"}, {"type": "integer", "minimum": 1}, {"type": "number"},
        {"type": "array", "items": {"type": "boolean"}}, {"type": "array", "maxItems": 2, "items": {"type": "string"}},
        {"type": "object", "properties": {}}, {"type": "object", "maxProperties": 2, "additionalProperties": {}}, {},
        {"anyOf": [{"type": "null"}, {"type": "string"}]}, {"maxLength": 5}, {"maxLength": 5, "maxItems": 5},
    ],
)  # fmt: skip
def test_the_walk_finds_a_leaf_without_one(schema: dict[str, Any]) -> None:
    assert list(unbounded(schema, "x"))
