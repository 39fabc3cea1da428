"""Versions on the page: a question is edited, an answer repeated, and every version stays within reach."""

from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Watched
from tests.browser.test_conversations import ask
from tests.doubles.upstream import talk_on


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


def test_an_answer_that_was_stopped_can_be_replaced(watched: Callable[..., Watched], model_stack, model) -> None:
    model.reset()
    model.behave = talk_on
    at = watched(model_stack)
    page = at.page
    at.sign_in("bob")
    page.get_by_label("Your question").fill("Go on?")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator(".answer")).to_contain_text("word word")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".answer")).to_contain_text("Stopped.")
    model.reset()
    tools(page, "question", 0).get_by_role("button", name="Edit").click()
    page.get_by_label("Edit the question").fill("Go on, please?")
    page.get_by_role("button", name="Ask again").dblclick()  # twice by mistake
    expect(page.locator("#messages > .answer")).to_contain_text("Hello.")
    expect(page.locator("#messages > .question")).to_have_count(1)
    expect(page.locator("#messages > .answer")).to_have_count(1)
    expect(tools(page, "question", 0)).to_contain_text("2 of 2")
    tools(page, "question", 0).get_by_role("button", name="Earlier version").click()
    expect(page.locator("#messages > .answer")).to_contain_text("Interrupted")
    assert at.complaints == []
