"""Versions on the page: a question is edited, an answer repeated, and every version stays within reach."""

from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Watched
from tests.browser.test_conversations import ask


def tools(page: Page, kind: str, place: int) -> Locator:
    return page.locator(f"#messages > .{kind}").nth(place).locator(".tools")


def test_versions_are_made_and_walked_through_and_survive_a_reload(watched: Callable[..., Watched]) -> None:
    at = watched()
    page = at.page
    at.sign_in("ada")
    ask(page, "Where is the first lantern?")
    ask(page, "And who lit it?")
    tools(page, "question", 0).get_by_role("button", name="Edit").click()
    page.get_by_label("Edit the question").fill("Where is the <b>second</b> lantern?")
    page.get_by_role("button", name="Ask again").click()
    first = page.locator("#messages > .question p").first
    expect(first).to_have_text("Where is the <b>second</b> lantern?")
    expect(page.locator("#messages > .question")).to_have_count(1)
    expect(tools(page, "question", 0)).to_contain_text("2 of 2")
    expect(page.get_by_role("button", name="Ask")).to_be_visible()

    tools(page, "answer", 0).get_by_role("button", name="Try again").click()
    expect(tools(page, "answer", 0)).to_contain_text("2 of 2")
    expect(page.get_by_role("button", name="Ask")).to_be_visible()
    expect(page.locator("#messages > .answer")).to_have_count(1)

    tools(page, "question", 0).get_by_role("button", name="Earlier version").click()
    expect(first).to_have_text("Where is the first lantern?")
    expect(page.locator("#messages > .question").nth(1)).to_contain_text("And who lit it?")
    tools(page, "question", 0).get_by_role("button", name="Later version").press("Enter")
    expect(tools(page, "answer", 0)).to_contain_text("2 of 2")
    # what is asked now follows what is seen
    tools(page, "answer", 0).get_by_role("button", name="Earlier version").click()
    expect(tools(page, "answer", 0)).to_contain_text("1 of 2")
    ask(page, "And the third?")
    page.reload()
    expect(page.locator("#messages > .question").nth(1)).to_contain_text("And the third?")
    expect(tools(page, "answer", 0)).to_contain_text("1 of 2")
    tools(page, "question", 1).get_by_role("button", name="Edit").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#messages > .question").nth(1)).to_contain_text("And the third?")
    assert (at.complaints, at.elsewhere) == ([], [])
