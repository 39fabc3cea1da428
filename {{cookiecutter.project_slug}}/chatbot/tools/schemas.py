"""Which schemas a policy may use for a tool's arguments: a closed subset of JSON Schema (2020-12).

Stops: a schema that looks strict and lets through fields or values that it does not name. Keywords are allowed by name,
and every schema within a schema must say what it takes. Fails closed: any other keyword ends the start.
"""

from typing import Any

_NOTES = frozenset({"$schema", "$comment", "title", "description", "default", "examples"})
_VALUES = frozenset(
    "type enum const minLength maxLength pattern format minimum maximum exclusiveMinimum exclusiveMaximum multipleOf"
    " minItems maxItems uniqueItems minProperties maxProperties required".split()
)
_CHOICES = ("anyOf", "oneOf", "allOf")
KEYWORDS = _NOTES | _VALUES | {*_CHOICES, "properties", "additionalProperties", "items", "prefixItems"}


class BadSchema(ValueError):
    """A policy's schema that would not hold. The message says why."""


def require_closed(schema: Any) -> None:
    """Raise `BadSchema` if anything gets through `schema` that it does not name. It must be valid JSON Schema."""
    if not isinstance(schema, dict):
        raise BadSchema("the schema of a tool's arguments must say what each value is, not only true or false")
    if unknown := sorted(set(schema) - KEYWORDS):
        raise BadSchema(f"the schema of a tool's arguments must do without {', '.join(unknown)[:200]}")
    told = schema.get("type", [])
    types = [told] if isinstance(told, str) else told
    if not (types or "enum" in schema or "const" in schema or any(schema.get(choice) for choice in _CHOICES)):
        raise BadSchema("the schema of a tool's arguments must give a type, enum or const everywhere")
    if ("object" in types or "properties" in schema) and schema.get("additionalProperties") is not False:
        raise BadSchema("the schema of a tool's arguments must have additionalProperties: false on every object")
    if ("array" in types or "prefixItems" in schema) and "items" not in schema:
        raise BadSchema("the schema of a tool's arguments must have items on every array")
    if schema.get("items", False) is not False:
        require_closed(schema["items"])
    named = schema.get("properties", {}).values()
    for inner in (*named, *(inner for keyword in (*_CHOICES, "prefixItems") for inner in schema.get(keyword, ()))):
        require_closed(inner)
