"""Every route that takes a body stops reading at its limit, announced or not, and says so in its own form."""

from collections.abc import Callable, Iterator

import pytest

from chatbot.gateway.application import BODY_BYTES
from chatbot.gateway.middleware.body import DEFAULT_BYTES
from tests.doubles.person import Person
from tests.house.routes import every_route

TAKING = sorted(
    (method, route.path)
    for route in every_route()
    for method in route.methods or ()
    if method in ("POST", "PUT", "PATCH", "DELETE") and not route.path.startswith("/v1")
)


def filled(path: str) -> str:
    nobody = "00000000-0000-0000-0000-000000000000"
    return "/".join(nobody if part.startswith("{") else part for part in path.split("/"))


@pytest.mark.parametrize(("method", "path"), TAKING)
@pytest.mark.parametrize("announced", [True, False])
def test_no_route_takes_more_than_its_limit(
    person: Callable[..., Person], method: str, path: str, announced: bool
) -> None:
    most = BODY_BYTES.get((method, path), DEFAULT_BYTES)
    body = b"[" + b" " * most

    def pieces() -> Iterator[bytes]:
        for place in range(0, len(body), 60_000):
            yield body[place : place + 60_000]

    options = {"params": {"name": "x.md"}} if path == "/api/v1/documents" else {}
    answer = person("ada").change(
        method,
        filled(path),
        content=body if announced else pieces(),
        headers={"content-type": "application/json"},
        **options,
    )
    if announced or answer.status_code == 413:
        assert answer.status_code == 413, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert "are taken here" in answer.text
    else:  # refused or done before the body was read
        assert answer.status_code in (201, 202, 204, 404), answer.text


def test_every_limit_belongs_to_a_route() -> None:
    mounted = {(method, route.path) for route in every_route() for method in route.methods or ()}
    assert set(BODY_BYTES) <= mounted
