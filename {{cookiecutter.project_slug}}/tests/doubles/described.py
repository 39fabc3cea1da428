"""Bodies from the interface's description: every object that a body may hold, in the smallest body that holds it."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from tests.doubles.caller import DOCUMENT

SCALARS = {"string", "integer", "number", "boolean", "null"}
Schema = dict[str, Any]


class Place(NamedTuple):
    """An object inside a body: the least that it must hold, its properties, and the way to the whole body."""

    name: str
    least: dict[str, Any]
    properties: dict[str, Schema]
    whole: Callable[[Any], Any]


def bodies() -> list[tuple[str, str, Schema]]:
    """Return method, path and schema of every operation that takes JSON."""
    found = []
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {})
            if "application/json" in content:
                found.append((method.upper(), path, content["application/json"]["schema"]))
    return found


def resolved(schema: Schema) -> Schema:
    """Return what a reference stands for."""
    while "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def branches(schema: Schema) -> list[Schema]:
    """Return the alternatives of a schema, references resolved."""
    schema = resolved(schema)
    found = schema.get("anyOf") or schema.get("oneOf")
    return [branch for each in found for branch in branches(each)] if found else [schema]


def types(schema: Schema) -> set[str]:
    """Return the JSON types that a schema lets pass; all of them where it says nothing."""
    found: set[str] = set()
    for branch in branches(schema):
        kind = branch.get("type") or ("string" if {"enum", "const"} & branch.keys() else None)
        if kind is None:
            return {*SCALARS, "object", "array"}
        found |= {kind} if isinstance(kind, str) else set(kind)
    return found | ({"integer"} if "number" in found else set())


def least(schema: Schema) -> Any:
    """Return a small value that fits."""
    schema = branches(schema)[0]
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "string")
    if kind == "object":
        names = schema.get("required") or list(schema.get("properties", {}))[: schema.get("minProperties", 0)]
        return {name: least(schema["properties"][name]) for name in names}
    if kind == "array":
        return [least(schema["items"])] * schema.get("minItems", 0)
    return {"string": "seen", "integer": max(1, schema.get("minimum", 1)), "number": 0, "boolean": True, "null": None}[
        kind
    ]


def places(schema: Schema, whole: Callable[[Any], Any] = lambda value: value, name: str = "body") -> Iterator[Place]:
    """Yield every object with known fields that a body of `schema` may hold."""
    for branch in branches(schema):
        if "properties" in branch:
            inner = least(branch)
            yield Place(name, inner, branch["properties"], whole)
            for key, value in branch["properties"].items():
                put = lambda found, inner=inner, key=key: whole({**inner, key: found})  # noqa: E731 - one line says it
                yield from places(value, put, f"{name}.{key}")
        elif branch.get("type") == "array" and branch.get("items"):
            yield from places(branch["items"], lambda found: whole([found]), f"{name}[]")
