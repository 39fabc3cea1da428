"""What the plain ASGI routes take and give, which no framework knows, as JSON Schema (2020-12); for interface.py."""

from dataclasses import dataclass
from typing import Any

from chatbot.gateway.openai.reading import MODELS

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PlainRoute:
    """A route: `body` names its schema, `path_values` and `answers` hold theirs, the latter by media type."""

    method: str
    path: str
    summary: str
    body: str | None
    answers: dict[str, Schema]
    path_values: dict[str, Schema]


def _object(required: dict[str, Schema], more: dict[str, Schema] | None = None, *, closed: bool = False) -> Schema:
    found: Schema = {"type": "object", "required": list(required), "properties": required | (more or {})}
    return found | ({"additionalProperties": False} if closed else {})


def _list(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "integer", "minimum": 0}
_PERHAPS_TEXT: Schema = {"type": ["string", "null"]}
_MESSAGE_NUMBER: Schema = {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}
_SEARCH: Schema = {"type": "boolean", "description": "whether documents are searched; true if left away"}
_QUESTION: Schema = {"type": "string", "minLength": 1, "maxLength": 8000}
_PARENT: Schema = {
    "anyOf": [_MESSAGE_NUMBER, {"type": "null"}],
    "description": "the message that the question follows: null for a new beginning, the latest if left away",
}
_MODEL = _object({"id": _TEXT, "object": {"const": "model"}, "created": _NUMBER, "owned_by": _TEXT})
_CHOICE = _object(
    {
        "index": _NUMBER,
        "message": _object({"role": {"const": "assistant"}, "content": _TEXT, "refusal": {"type": "null"}}),
        "finish_reason": _TEXT,
        "logprobs": {"type": "null"},
    }
)


def _events(description: str, names: tuple[str, ...]) -> Schema:
    """Return what each server-sent event is; its data is JSON, filled up with spaces to one of a few sizes."""
    data = {"type": "string", "contentMediaType": "application/json"}
    found = _object({"event": {"enum": list(names)}, "data": data}, closed=True)
    return found | {"description": description}


_TURN_EVENTS = _events(
    "`begin` (question, parent, citations, hidden_characters), then any number of `update` and `tool`, "
    "at last `end` (answer) or `problem` (status, title, detail).",
    ("begin", "update", "tool", "end", "problem"),
)
_CHUNKS = _events("chat.completion.chunk objects, at last [DONE].", ("message",))

SCHEMAS: dict[str, Schema] = {
    "Problem": _object({"type": _TEXT, "status": _NUMBER, "title": _TEXT, "id": _TEXT}, {"detail": _TEXT}),
    "Error": _object(
        {"error": _object({"message": _TEXT, "type": _TEXT, "param": _PERHAPS_TEXT, "code": _PERHAPS_TEXT})}
    ),
    "Asked": {
        "oneOf": [
            _object({"question": _QUESTION}, {"parent": _PARENT, "search": _SEARCH}, closed=True),
            _object({"again": _MESSAGE_NUMBER}, {"search": _SEARCH}, closed=True),
        ]
    },
    "Completion": _object(
        {
            "id": _TEXT,
            "object": {"const": "chat.completion"},
            "created": _NUMBER,
            "model": _TEXT,
            "choices": _list(_CHOICE),
            "usage": _object({name: _NUMBER for name in ("prompt_tokens", "completion_tokens", "total_tokens")}),
            "citations": _list({"type": "object"}),
        }
    ),
}
PLAIN_ROUTES = (
    PlainRoute(
        "post",
        "/api/v1/conversations/{conversation}/turns",
        "Ask, and read the answer as it comes",
        "Asked",
        {"text/event-stream": _TURN_EVENTS},
        {"conversation": {"type": "string", "format": "uuid"}},
    ),
    PlainRoute(
        "post",
        "/v1/chat/completions",
        "Ask by OpenAI's schema",
        "CompletionRequest",
        {"application/json": {"$ref": "#/components/schemas/Completion"}, "text/event-stream": _CHUNKS},
        {},
    ),
    PlainRoute(
        "get",
        "/v1/models",
        "List the models",
        None,
        {"application/json": _object({"object": {"const": "list"}, "data": _list(_MODEL)})},
        {},
    ),
    PlainRoute(
        "get",
        "/v1/models/{model}",
        "Show a model",
        None,
        {"application/json": _MODEL},
        {"model": {"type": "string", "enum": list(MODELS)}},
    ),
)
