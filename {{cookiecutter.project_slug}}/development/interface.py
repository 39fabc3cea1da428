"""What the interface takes and gives, as an OpenAPI document: made from the routes into openapi.json.

With --check it is compared only. It is a file of the project and never served: a visitor learns nothing from the
running program.
"""

import json
import sys
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from chatbot.gateway.access.actions import ACTIONS
from chatbot.gateway.application import bare_application
from chatbot.gateway.openai.schema import CompletionRequest
from chatbot.gateway.public import PUBLIC
from chatbot.identity.permissions import POLICY

FILE = Path(__file__).parents[1] / "openapi.json"
_REFS = "#/components/schemas/{model}"
_PROBLEM = {
    "type": "object",
    "required": ["type", "status", "title", "id"],
    "properties": {
        "type": {"type": "string"},
        "status": {"type": "integer"},
        "title": {"type": "string"},
        "detail": {"type": "string"},
        "id": {"type": "string"},
    },
}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {name: {"type": ["string", "null"]} for name in ("message", "type", "param", "code")},
        }
    },
}
_MESSAGE_NUMBER = {"type": "integer", "minimum": 1}
_ASKED = {
    "oneOf": [
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["question"],
            "properties": {
                "question": {"type": "string", "minLength": 1, "maxLength": 8000},
                "parent": {"anyOf": [_MESSAGE_NUMBER, {"type": "null"}]},
                "search": {"type": "boolean"},
            },
        },
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["again"],
            "properties": {"again": _MESSAGE_NUMBER, "search": {"type": "boolean"}},
        },
    ]
}
# the plain ASGI routes, which no framework knows: method, path, what it is, body, media type of the answer
_PLAIN = (
    (
        "post",
        "/api/v1/conversations/{conversation}/turns",
        "Ask, and read the answer as it comes",
        "Asked",
        "text/event-stream",
    ),
    ("post", "/v1/chat/completions", "Ask by OpenAI's schema", "CompletionRequest", "application/json"),
    ("get", "/v1/models", "List the models", None, "application/json"),
    ("get", "/v1/models/{model}", "Show a model", None, "application/json"),
)


def describe_interface(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of `app`, which has the routers and need not run."""
    document = app.openapi()
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):  # the framework's own errors are never sent
        schemas.pop(name, None)
    schemas |= {"Problem": _PROBLEM, "Error": _ERROR, "Asked": _ASKED} | _with_parts(CompletionRequest)
    for method, path, summary, body, kind in _PLAIN:
        document["paths"].setdefault(path, {})[method] = _operation(path, summary, body, kind)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            _complete(path, method.upper(), operation)
    document["components"]["securitySchemes"] = {
        "session": {"type": "apiKey", "in": "cookie", "name": "__Host-chatbot-<instance>-session"},
        "key": {"type": "http", "scheme": "bearer"},
    }
    document["paths"] = dict(sorted(document["paths"].items()))
    return document


def _operation(path: str, summary: str, body: str | None, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = {"summary": summary, "responses": {"200": {"description": summary, "content": {kind: {}}}}}
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    found["parameters"] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
    ]
    if body:
        schema = {"$ref": _REFS.format(model=body)}
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return found


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    """Say how a caller proves who they are, and what a refusal looks like."""
    operation["responses"].pop("422", None)
    ours = path.startswith("/v1/")
    kind, model = ("application/json", "Error") if ours else ("application/problem+json", "Problem")
    refused = {"description": "Refused", "content": {kind: {"schema": {"$ref": _REFS.format(model=model)}}}}
    operation["responses"]["default"] = refused
    if (method, path) not in PUBLIC:
        operation["security"] = [{"session": []}, *([{"key": []}] if _for_programs(path, method) else [])]


def _for_programs(path: str, method: str) -> bool:
    return POLICY[ACTIONS[path][method]].scope is not None


def _with_parts(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema(ref_template=_REFS)
    parts: dict[str, Any] = schema.pop("$defs", {})
    return {model.__name__: schema, **parts}


def describe() -> str:
    """Return the document as it is kept."""
    return json.dumps(describe_interface(bare_application()), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def main() -> int:
    """Write or check, and return the exit status."""
    made = describe()
    if "--check" not in sys.argv:
        FILE.write_text(made, encoding="utf-8")
        print("wrote openapi.json")
        return 0
    if FILE.exists() and FILE.read_text(encoding="utf-8") == made:
        return 0
    print("openapi.json is out of date: run make docs")
    return 1


if __name__ == "__main__":
    sys.exit(main())
