"""What FastAPI and Starlette raise, as the same problem documents (part of control app-error)."""

from http import HTTPStatus
from typing import cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from chatbot.core.errors import Problem
from chatbot.gateway.middleware.errors import new_identifier, problem_body


def add_problem_handlers(app: FastAPI) -> None:
    """Make every refusal of the framework a problem document; none repeats what was sent."""
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Problem, _on_problem)


async def _on_invalid(request: Request, error: Exception) -> Response:
    found = cast(RequestValidationError, error).errors()
    if any(item["type"] == "json_invalid" for item in found):
        return _answer(422, "The body is not JSON")
    # the names of the fields at fault, never their values
    places = {".".join(str(part) for part in item["loc"][1:] if isinstance(part, str | int)) for item in found}
    detail = "; ".join(f"{place[:60]}: not acceptable" for place in sorted(places) if place.isprintable())
    return _answer(422, "The content is not acceptable", detail[:500])


async def _on_http(request: Request, error: Exception) -> Response:
    error = cast(HTTPException, error)
    response = _answer(error.status_code, HTTPStatus(error.status_code).phrase)
    if error.status_code == 405 and error.headers and "Allow" in error.headers:
        response.headers["allow"] = error.headers["Allow"]
    return response


async def _on_problem(request: Request, error: Exception) -> Response:
    error = cast(Problem, error)
    return _answer(error.status, error.title, error.detail)


def _answer(status: int, title: str, detail: str = "") -> Response:
    body = problem_body(status, title, detail, new_identifier())
    return Response(body, status, media_type="application/problem+json")
