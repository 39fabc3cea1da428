"""Which argument schemas an operator may write: those that let nothing through that they do not name (D16)."""

import pytest

from chatbot.tools.arguments import ArgumentChecker
from chatbot.tools.calls import ToolRefused
from chatbot.tools.schemas import KEYWORDS, BadSchema

CLOSED = {"type": "object", "additionalProperties": False}


def about(part: object) -> dict[str, object]:
    return {**CLOSED, "properties": {"x": part}}


OPEN = {
    "no constraint": {},
    "true": True,
    "a list of types with an object": {"type": ["object", "null"]},
    "a list of types with an array": {"type": ["array", "string"]},
    "an array of anything": {"type": "array"},
    "an array whose items are anything": {"type": "array", "items": {}},
    "an array with a beginning": {"type": "array", "prefixItems": [{"type": "string"}]},
    "an open object in a beginning": {"type": "array", "prefixItems": [{"type": "object"}], "items": False},
    "an open object in a list": {"type": "array", "items": {"type": "object"}},
    "fields by their own schema": {"type": "object", "additionalProperties": {"type": "string"}},
    "fields of any name": {**CLOSED, "patternProperties": {".*": {"type": "string"}}},
    "names by a schema": {**CLOSED, "propertyNames": {"pattern": "^a"}},
    "unevaluated fields": {"type": "object", "unevaluatedProperties": False},
    "unevaluated items": {"type": "array", "items": {"type": "string"}, "unevaluatedItems": {}},
    "definitions": {"type": "string", "definitions": {"a": {}}},
    "definitions of today": {"type": "string", "$defs": {"a": {}}},
    "a reference": {"$ref": "#/$defs/a"},
    "a reference to elsewhere": {"$ref": "http://127.0.0.1:1/schema"},
    "a dynamic reference": {"$dynamicRef": "#a"},
    "a condition": {"type": "string", "if": {}, "then": {}, "else": {}},
    "a member of a list": {"type": "array", "items": {"type": "string"}, "contains": {}},
    "a negation": {"not": {"type": "string"}},
    "a typed negation": {"type": "string", "not": {"const": "a"}},
    "dependent fields": {**CLOSED, "dependentSchemas": {"a": {}}},
    "dependent names": {**CLOSED, "dependentRequired": {"a": ["b"]}},
    "one of, open": {"anyOf": [{"type": "string"}, {"type": "object"}]},
    "one of, unconstrained": {"oneOf": [{"type": "string"}, {}]},
    "all of, only demands": {"allOf": [{"required": ["a"]}]},
    "none of nothing": {"anyOf": []},
    "a format by content": {"type": "string", "contentSchema": {}},
    "a vocabulary of its own": {"type": "string", "x-open": True},
    "fields without their type": {"properties": {"y": {"type": "string"}}},
}  # fmt: skip


@pytest.mark.parametrize("name", OPEN)
def test_an_open_schema_is_refused_wherever_it_stands(name: str) -> None:
    places = [about(OPEN[name]), about({"type": "array", "items": OPEN[name]}), about({"anyOf": [OPEN[name]]}),
              about({"type": "array", "prefixItems": [OPEN[name]], "items": False}), about(about(OPEN[name]))]  # fmt: skip
    if isinstance(OPEN[name], dict):
        places.append({**CLOSED, **OPEN[name]} if "type" not in OPEN[name] and OPEN[name] else OPEN[name])
    for schema in places:
        if name == "fields without their type" and schema == places[-1]:
            continue  # with the type beside it, it is closed
        with pytest.raises(BadSchema):
            ArgumentChecker(schema)


def test_keywords_that_apply_schemas_are_all_followed() -> None:
    """A keyword that takes schemas and is allowed must be looked into."""
    applying = {"allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "prefixItems", "items",
                "contains", "properties", "patternProperties", "additionalProperties", "propertyNames",
                "unevaluatedItems", "unevaluatedProperties", "contentSchema", "$ref", "$dynamicRef", "$defs"}  # fmt: skip
    assert applying & KEYWORDS == {
        "allOf",
        "anyOf",
        "oneOf",
        "prefixItems",
        "items",
        "properties",
        "additionalProperties",
    }


def test_a_closed_schema_is_taken_whole() -> None:
    schema = about(
        {
            "type": ["array", "null"],
            "prefixItems": [{"const": {"any": "thing"}}, {"enum": [1, "a", None]}],
            "items": {
                "anyOf": [{"type": ["string", "number"], "maxLength": 3, "title": "t"}, about({"type": "boolean"})]
            },
            "maxItems": 3,
        }
    )
    checker = ArgumentChecker(schema)
    good = '{"x": [{"any": "thing"}, "a", {"x": true}]}'
    assert checker.read(good) == {"x": [{"any": "thing"}, "a", {"x": True}]}
    for bad in ('{"x": [{"any": "other"}]}', '{"x": [{"any": "thing"}, 1, {"y": 1}]}', '{"z": 1}', '{"x": [{"any": "thing"}, 1, "long"]}'):  # fmt: skip
        with pytest.raises(ToolRefused):
            checker.read(bad)


@pytest.mark.parametrize("text", ['{"x": "a", "x": "b"}', '{"x": "a", "\\u0078": "a"}', '{"o": {"y": "1", "y": "1"}}'])
def test_a_field_that_stands_twice_is_refused(text: str) -> None:
    checker = ArgumentChecker({**CLOSED, "properties": {"x": {"type": "string"}, "o": about({"type": "string"})}})
    with pytest.raises(ToolRefused, match="twice"):
        checker.read(text)
