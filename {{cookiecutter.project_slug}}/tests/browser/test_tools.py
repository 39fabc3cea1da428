"""A tool call as the reader sees it: one line above the answer, text and nothing but text."""

from collections.abc import Callable

from playwright.sync_api import expect

from development.stack import Stack
from tests.browser.conftest import Watched
from tests.doubles.upstream import ScriptedModel

MARKUP = '{"expression": "<img src=x onerror=alert(1)>"}'


def test_a_used_tool_is_named_above_the_answer(watched: Callable[..., Watched]) -> None:
    at = watched()
    at.sign_in("bob")
    at.page.get_by_label("Your question").fill("What is 17 times 3?")
    at.page.get_by_role("button", name="Ask").click()
    expect(at.page.locator(".answer .tool")).to_have_text("Used calculate", timeout=20_000)
    expect(at.page.locator(".answer-body")).to_contain_text("17 × 3 = 51 (calculated)")
    assert at.complaints == []
    assert at.elsewhere == []


def test_a_refused_tool_says_why_as_text(
    watched: Callable[..., Watched], model_stack: Stack, model: ScriptedModel
) -> None:
    model.reset()
    model.rounds = [[("delete_everything", MARKUP), ("calculate", MARKUP)]]
    at = watched(model_stack)
    at.sign_in("bob")
    at.page.get_by_label("Your question").fill("Do it.")
    at.page.get_by_role("button", name="Ask").click()
    lines = at.page.locator(".answer .tool")
    expect(lines).to_have_text(
        [
            "delete_everything brought nothing: There is no such tool.",
            "calculate brought nothing: The tool could not do it.",
        ],
        timeout=20_000,
    )
    assert at.page.locator(".answer img").count() == 0
    assert at.complaints == []
    assert at.elsewhere == []
