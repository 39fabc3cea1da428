"""A slow line: what is typed and sent before a page's scripts have come is neither lost nor put into an address."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import Watched


@pytest.mark.parametrize("path", ["/", "/documents", "/settings", "/admin"])
def test_a_form_that_is_sent_before_its_script_came_goes_nowhere(watched: Callable[..., Watched], path: str) -> None:
    at = watched()
    at.sign_in("grace")
    held: list[Route] = []
    at.page.route("**/*.js", lambda route: held.append(route))  # noqa: PLW0108 - Playwright wants a function of Python
    at.page.goto(f"{at.stack.url}{path}", wait_until="commit")
    at.page.locator("form").first.wait_for(state="attached")
    assert held
    forms = at.page.evaluate("[...document.forms].map((form) => form.submit()).length")
    assert forms
    at.page.wait_for_timeout(500)  # a navigation would begin
    assert at.page.url == f"{at.stack.url}{path}"
    for route in held:
        route.continue_()


def test_a_question_that_is_typed_before_the_script_came_is_asked_when_it_is_there(
    watched: Callable[..., Watched],
) -> None:
    at = watched()
    page = at.page
    at.sign_in("grace")
    held: list[Route] | None = []
    page.route("**/*.js", lambda route: route.continue_() if held is None else held.append(route))
    page.goto(f"{at.stack.url}/", wait_until="commit")
    page.get_by_label("Your question").fill("What is 6 times 7?")
    expect(page.get_by_role("button", name="Ask")).to_be_disabled()
    came, held = held, None  # what a script imports is asked for when it has come
    for route in came:
        route.continue_()
    page.get_by_role("button", name="Ask").click()
    expect(page.locator(".question")).to_contain_text("What is 6 times 7?")
    expect(page.locator(".answer")).to_contain_text("42", timeout=20_000)
