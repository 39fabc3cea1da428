"""A call's arguments: bounded, JSON, and valid under the policy's own schema (JSON Schema 2020-12).

The schema is the operator's. The server's is never evaluated here: patterns and references in other people's
schemas could hold this process, and the server holds every call against its own anyway.
Fails closed: what cannot be judged is refused. Messages name rules and the schema's fields, never values.
"""

from typing import TYPE_CHECKING, Any

import orjson

from chatbot.core.unique_keys import RepeatedKey, check_keys
from chatbot.core.visible import visible_json
from chatbot.tools.calls import ToolRefused, Verdict
from chatbot.tools.schemas import BadSchema, require_closed

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

_MOST_BYTES = 16 * 1024
_DEEPEST = 8


class ArgumentChecker:
    """Judges arguments by one schema. Raises `BadSchema` for one that lets unknown fields through."""

    def __init__(self, schema: dict[str, Any]) -> None:
        # late: a program without tools does not need it
        from jsonschema import Draft202012Validator
        from jsonschema.exceptions import SchemaError
        from referencing import Registry

        if schema.get("type") != "object":
            raise BadSchema("the schema of a tool's arguments must have the type 'object'")
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            raise BadSchema("the schema of a tool's arguments is no JSON Schema (2020-12)") from error
        require_closed(schema)
        # an empty registry: a reference to another document is an error, never fetched
        self._validator = Draft202012Validator(schema, registry=Registry())

    def read(self, text: str) -> dict[str, Any]:
        """Return the arguments that `text` holds. Raises `ToolRefused`."""
        if len(text) > _MOST_BYTES or len(text.encode("utf-8", "replace")) > _MOST_BYTES:
            raise _refusal("they are too large")
        try:
            arguments = visible_json(orjson.loads(text or "{}"))  # some models send nothing where nothing is needed
            check_keys(text or "{}")
        except RepeatedKey:
            raise _refusal("a field stands twice") from None
        except (ValueError, RecursionError):
            raise _refusal("they are not JSON") from None
        if not isinstance(arguments, dict) or _depth(arguments) > _DEEPEST:
            raise _refusal("they are no object, or one that is nested too deeply")
        try:
            error = next(self._validator.iter_errors(arguments), None)
        except Exception:  # a reference that leads nowhere, a pattern that cannot run
            raise _refusal("they could not be judged") from None
        if error is not None:
            raise _refusal(_describe(error))
        return arguments


def _refusal(why: str) -> ToolRefused:
    return ToolRefused(Verdict.ARGUMENTS, f"The arguments were refused: {why}.")


def _describe(error: "ValidationError") -> str:
    if error.validator == "additionalProperties":
        return "there is a field that the tool does not have"
    if error.validator == "required":
        return f"needed are {', '.join(map(str, error.validator_value))}"
    place = ".".join(str(part) for part in error.path)  # of fields that the schema names
    rule = f"{error.validator} {orjson.dumps(error.validator_value).decode()}"[:120]
    return f"{place or 'they'} must keep to {rule}"


def _depth(value: object) -> int:
    deepest, level = 0, [value]
    while level:
        deepest += 1
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return deepest
