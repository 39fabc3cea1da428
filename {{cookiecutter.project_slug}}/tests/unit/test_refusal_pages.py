"""A refusal's form follows who asks: a page for a person who opens an address, a problem document for a program."""

import json

import pytest

from chatbot.core.errors import Problem
from chatbot.gateway.middleware.errors import refusal_body
from chatbot.gateway.routes.pages import read_error_page

HOSTILE = "<img src=x onerror=alert(1)>&\"'"
NAVIGATION = [(b"sec-fetch-dest", b"document"), (b"accept", b"text/html,*/*")]


def scope(path: str, page: str | None = None, **changed: object) -> dict[str, object]:
    found = {"method": "GET", "path": path, "headers": NAVIGATION, "error_page": page or read_error_page(None)}
    return found | changed


@pytest.mark.parametrize("path", ["/api/v1/session", "/api/v1/conversations/x", "/api/"])
def test_the_interface_answers_a_browser_that_opens_it_by_a_problem_document(path: str) -> None:
    body, kind = refusal_body(scope(path), Problem("No.", status=401), "id-1")
    assert kind == "application/problem+json"
    assert json.loads(body)["status"] == 401


@pytest.mark.parametrize(
    "changed", [{"method": "POST"}, {"headers": NAVIGATION[:1]}, {"headers": NAVIGATION[1:]}, {"headers": []}]
)
def test_only_an_opened_address_gets_a_page(changed: dict[str, object]) -> None:
    assert refusal_body(scope("/documents"), Problem("No."), "id-1")[1].startswith("text/html")
    assert refusal_body(scope("/documents", **changed), Problem("No."), "id-1")[1] == "application/problem+json"


@pytest.mark.parametrize("name", ["title", "detail", "id"])
def test_the_page_escapes_whatever_it_shows(name: str) -> None:
    problem = Problem(HOSTILE if name == "detail" else "No.")
    problem.title = HOSTILE if name == "title" else "Refused"
    body, _ = refusal_body(scope("/x", "<p>[title]|[detail]|[id]</p>"), problem, HOSTILE if name == "id" else "id-1")
    text = body.decode()
    assert "&lt;img src=x onerror=alert(1)&gt;&amp;&quot;&#x27;" in text
    assert "<img" not in text and '"' not in text
