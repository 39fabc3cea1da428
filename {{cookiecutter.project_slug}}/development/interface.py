"""What the interface takes and gives, as an OpenAPI document: made from the routes into openapi.json. And who may.

With --check both are compared only. They are files of the project and never served: a visitor learns nothing from the
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
from development import permission_table
from development.interface_schemas import PLAIN_ROUTES, SCHEMAS, PlainRoute

FILE = Path(__file__).parents[1] / "openapi.json"
_REFS = "#/components/schemas/{model}"
# how any request may be refused: ambiguous, from elsewhere, too large, no JSON, another host, unfit, too often, closed
_EVERYWHERE = (400, 403, 413, 415, 421, 422, 429, 503)
_ALSO = {"/api/v1/documents/{document}/index": (409,), "/v1/models/{model}": (404,), "/v1/chat/completions": (404,)}


def describe_interface(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of `app`, which has the routers and need not run."""
    document = app.openapi()
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):  # the framework's own errors are never sent
        schemas.pop(name, None)
    schemas |= SCHEMAS | _with_parts(CompletionRequest)
    for route in PLAIN_ROUTES:
        document["paths"].setdefault(route.path, {})[route.method] = _operation(route)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            _complete(path, method.upper(), operation)
    document["components"]["responses"] = {
        "Problem": _refusal("Problem", "application/problem+json"),
        "Error": _refusal("Error", "application/json"),
    }
    document["components"]["securitySchemes"] = {
        "session": {"type": "apiKey", "in": "cookie", "name": "__Host-chatbot-<instance>-session"},
        "key": {"type": "http", "scheme": "bearer"},
        "certificate": {"type": "mutualTLS"},
    }
    document["paths"] = dict(sorted(document["paths"].items()))
    return document


def _operation(route: PlainRoute) -> dict[str, Any]:
    content = {kind: {"schema": schema} for kind, schema in route.answers.items()}
    found: dict[str, Any] = {
        "summary": route.summary,
        "responses": {"200": {"description": route.summary, "content": content}},
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": schema}
            for name, schema in route.path_values.items()
        ],
    }
    if route.body:
        schema = {"$ref": _REFS.format(model=route.body)}
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return found


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    """Say how a caller proves who they are, and what each refusal looks like."""
    refusal = {"$ref": f"#/components/responses/{'Error' if path.startswith('/v1/') else 'Problem'}"}
    statuses = {*_EVERYWHERE, *_ALSO.get(path, ()), *([404] if "{" in path else [])}
    if (method, path) not in PUBLIC:
        statuses.add(401)
        operation["security"] = [
            {"session": []},
            *([{"key": []}, {"certificate": []}] if _for_programs(path, method) else []),
        ]
    operation["responses"] |= {str(status): refusal for status in sorted(statuses)}


def _refusal(model: str, kind: str) -> dict[str, Any]:
    return {"description": "Refused", "content": {kind: {"schema": {"$ref": _REFS.format(model=model)}}}}


def _for_programs(path: str, method: str) -> bool:
    action = ACTIONS.get(path, {}).get(method)
    if action is None:
        sys.exit(f"{method} {path} has no action: give it one in chatbot/gateway/access/actions.py")
    if action not in POLICY:
        sys.exit(f'nobody may "{action}": say in POLICY of chatbot/identity/permissions.py who may')
    return POLICY[action].scope is not None


def _with_parts(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema(ref_template=_REFS)
    parts: dict[str, Any] = schema.pop("$defs", {})
    return {model.__name__: schema, **parts}


def describe() -> str:
    """Return the document as it is kept."""
    return json.dumps(describe_interface(bare_application()), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def main() -> int:
    """Write or check, and return the exit status."""
    outdated = 0
    for file, made in ((FILE, describe()), (permission_table.FILE, permission_table.describe_permissions())):
        if "--check" not in sys.argv:
            file.write_text(made, encoding="utf-8")
            print(f"wrote {file.name}")
        elif not file.exists() or file.read_text(encoding="utf-8") != made:
            print(f"{file.name} is out of date: run make docs")
            outdated = 1
    return outdated


if __name__ == "__main__":
    sys.exit(main())
