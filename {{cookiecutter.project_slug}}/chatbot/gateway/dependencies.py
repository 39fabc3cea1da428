"""What routes ask for: the principal that the gate found, the parts, and a request that is as the interface says.

The last is part of control api-validate. Stops: parameters that nobody knows, bodies where none belongs, identifiers in
a second spelling. Fails closed: a route takes only what its own description names.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from chatbot.core.errors import NotFound, SignInRequired, Unprocessable
from chatbot.core.principal import Principal
from chatbot.gateway.exchange import has_body
from chatbot.monitoring.refusals import note_refusal
from chatbot.wiring import Parts

# of each kind of identifier the one spelling that is taken (CVE-2026-54022: check and store read it in two ways)
_SPELLINGS = {
    "uuid": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "integer": re.compile(r"0|[1-9][0-9]{0,18}"),
}
# what comes with it is the identity provider's to choose (RFC 6749, section 4.1.2); the route knows what it reads
_OPEN_QUERY = frozenset({"/auth/callback"})


async def _principal(request: Request) -> Principal:
    principal = request.scope.get("principal")
    if not isinstance(principal, Principal):
        raise SignInRequired("Sign in and try again.")  # closed, should a route ever be listed as public by mistake
    return principal


async def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


Who = Annotated[Principal, Depends(_principal)]
Using = Annotated[Parts, Depends(_parts)]


@dataclass(frozen=True, slots=True)
class _Described:
    query: frozenset[str]
    path: dict[str, re.Pattern[str]]
    body: bool


async def as_described(request: Request) -> None:
    """Refuse a query parameter, a body or a spelling of an identifier that the interface's description does not know.

    Raises `Unprocessable` and `NotFound`. A parameter that nobody reads today may be read
    by a later release (CVE-2026-45365), and one that comes twice is read in two ways.
    """
    described = _describe(request.scope["route"])
    names = [name for name, _ in request.query_params.multi_items()]
    known = described.query.issuperset(names) and len(set(names)) == len(names)
    if not known and request.scope["path"] not in _OPEN_QUERY:
        note_refusal("api-validate", "unknown query")
        raise Unprocessable(f"The query may hold, once each: {', '.join(sorted(described.query)) or 'nothing'}.")
    if not all(spelling.fullmatch(request.path_params[name]) for name, spelling in described.path.items()):
        note_refusal("api-validate", "odd identifier")
        raise NotFound("There is nothing of that name.")
    if not described.body and has_body(request.scope):
        note_refusal("api-validate", "unknown body")
        raise Unprocessable("This takes no body.")


_FOUND: dict[tuple[str, str], _Described] = {}  # made when a route is first asked for; there are as many as routes


def _describe(route: APIRoute) -> _Described:
    """Return what the interface's description says of one route."""
    name = (route.path, ",".join(sorted(route.methods or ())))
    if name not in _FOUND:
        document = get_openapi(title="one route", version="1", routes=[route])
        (operation,) = next(iter(document["paths"].values())).values()
        _FOUND[name] = _read(operation)
    return _FOUND[name]


def _read(operation: dict[str, Any]) -> _Described:
    parameters = operation.get("parameters", [])
    kinds = {each["name"]: each["schema"] for each in parameters if each["in"] == "path"}
    spellings = {name: _SPELLINGS.get(schema.get("format", schema.get("type"))) for name, schema in kinds.items()}
    return _Described(
        query=frozenset(each["name"] for each in parameters if each["in"] == "query"),
        path={name: spelling for name, spelling in spellings.items() if spelling},
        body="requestBody" in operation,
    )
