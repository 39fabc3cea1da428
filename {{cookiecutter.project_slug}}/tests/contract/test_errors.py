"""What a caller learns of a fault, at the error boundary's own seam (app-error)."""

import json

import pytest

from chatbot.core.errors import NotFound, Problem
from chatbot.gateway.middleware.errors import ErrorBoundary
from tests.doubles.asgi import Inner, call

CANARY = "password=canary-3f1c /srv/secret/path SELECT * FROM users"


def nested() -> Exception:
    error = KeyError(CANARY)
    error.__cause__ = ValueError(CANARY)
    error.add_note(CANARY)
    return error


@pytest.mark.parametrize(
    "error", [ValueError(CANARY), nested(), ExceptionGroup(CANARY, [OSError(CANARY)]), TimeoutError(CANARY)]
)
def test_a_fault_tells_its_identifier_and_nothing_of_itself(error: Exception) -> None:
    found = call(ErrorBoundary(Inner(error=error)))
    problem = json.loads(found.body)
    assert (found.status, found.headers[b"content-type"]) == (500, b"application/problem+json")
    assert set(problem) <= {"type", "title", "status", "detail", "id"}
    for word in ("canary", "secret", "SELECT", "Error", "Traceback", ".py"):
        assert word not in found.body.decode()


def test_two_faults_have_two_identifiers() -> None:
    bodies = [json.loads(call(ErrorBoundary(Inner(error=ValueError()))).body) for _ in range(2)]
    assert bodies[0]["id"] != bodies[1]["id"]


@pytest.mark.parametrize("problem", [NotFound("There is no such thing."), Problem("No.", status=409)])
def test_a_refusal_says_what_it_means_to_say(problem: Problem) -> None:
    found = call(ErrorBoundary(Inner(error=problem)))
    assert found.status == problem.status
    assert json.loads(found.body)["detail"] == problem.detail
