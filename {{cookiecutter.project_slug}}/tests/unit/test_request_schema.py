"""Every leaf of every request has a maximum: texts, numbers, lists and open objects, by a walk over the schema."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from chatbot.gateway.openai.schema import CompletionRequest, Hint, Schema
from development.stack import PROJECT

SPEC = json.loads((PROJECT / "openapi.json").read_text())
METHODS = ("get", "put", "post", "delete", "patch")
# any JSON at all, which the body's own limit bounds; and the provider's answer, which the head's bounds before the route
OPEN = {"post /csp-report", *(f"get /auth/callback {name}" for name in ("code", "state", "iss", "error"))}


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


LONG, MANY = "x" * 100_001, list(range(10_000))


@pytest.mark.parametrize("kind", [Schema, Hint])
@pytest.mark.parametrize("value", [LONG, MANY, {LONG: 1}, [[LONG]], {"a": {"b": MANY}}, [{}] * 10_000])
def test_json_of_the_client_s_own_form_is_bounded_in_every_depth(kind: Any, value: Any) -> None:
    with pytest.raises(ValidationError, match="holds"):
        TypeAdapter(kind).validate_python({"a": value})
    TypeAdapter(kind).validate_python({"a": "x" * 100_000, "b": MANY[:9000]})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("logit_bias", {"1": 101}), ("logit_bias", {"1": -101}), ("logit_bias", {str(n): 0 for n in range(1025)}),
        ("modalities", ["text"] * 3), ("tool_choice", "x" * 257), ("function_call", "x" * 257), ("n", 129), ("n", 0),
        ("seed", 2**63), ("seed", -(2**63) - 1), ("top_logprobs", 21), ("top_logprobs", -1),
        ("messages", [{"role": "assistant", "content": "a", "tool_calls": [{"id": "1", "index": 1001}]}]),
    ],
)  # fmt: skip
def test_a_value_beyond_its_maximum_is_refused(field: str, value: Any) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "q"}]}
    CompletionRequest.model_validate(body)
    with pytest.raises(ValidationError) as refused:
        CompletionRequest.model_validate(body | {field: value})
    assert field in {str(part) for error in refused.value.errors() for part in error["loc"]}
