"""What FastAPI and Starlette raise, as the same problem documents (part of control app-error)."""

from http import HTTPStatus
from typing import cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from chatbot.core.errors import Problem, TooLarge, Unprocessable
from chatbot.core.ids import new_identifier
from chatbot.gateway.access.actions import methods_of
from chatbot.gateway.middleware.body import BodyTooLarge
from chatbot.gateway.middleware.errors import write_refusal


def add_problem_handlers(app: FastAPI) -> None:
    """Make every refusal of the framework a problem document; none repeats what was sent."""
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Problem, _on_problem)


async def _on_invalid(request: Request, error: Exception) -> Response:
    found = cast(RequestValidationError, error).errors()
    if any(item["type"] == "json_invalid" for item in found):
        return _answer(request, Problem(status=422, title="The body is not JSON"))
    # the names of the fields at fault, never their values
    places = {".".join(str(part) for part in item["loc"][1:] if isinstance(part, str | int)) for item in found}
    detail = "; ".join(f"{place[:60]}: not acceptable" for place in sorted(places) if place.isprintable())
    return _answer(request, Unprocessable(detail[:500]))


async def _on_http(request: Request, error: Exception) -> Response:
    error = cast(HTTPException, error)
    if isinstance(error, BodyTooLarge):
        return _answer(request, TooLarge(error.detail))
    response = _answer(request, Problem(status=error.status_code, title=HTTPStatus(error.status_code).phrase))
    if error.status_code == 405:
        # the router names the methods of the first route with this path only
        named = methods_of(request.scope["matched"].template or "")
        response.headers["allow"] = ", ".join(named) or (error.headers or {}).get("Allow", "GET")
    return response


async def _on_problem(request: Request, error: Exception) -> Response:
    return _answer(request, cast(Problem, error))


def _answer(request: Request, problem: Problem) -> Response:
    identifier = request.scope.get("request_id") or new_identifier()
    body, headers = write_refusal(request.scope, problem, identifier)
    response = Response(body, problem.status)
    response.raw_headers = headers
    return response
