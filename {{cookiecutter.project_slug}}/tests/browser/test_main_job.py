"""The main job in a browser, as a new user does it."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Watched
from tests.doubles.upstream import talk_on

GUIDE = "# Boat house\n\n## Keys\n\nThe boat house key hangs behind the blue door.\n"


def test_sign_in_upload_ask_open_the_source_and_find_it_again(watched: Callable[..., Watched], tmp_path: Path) -> None:
    at = watched()
    page = at.page
    at.sign_in("bob")
    page.get_by_role("navigation").get_by_role("link", name="Documents").click()
    (tmp_path / "boat-house.md").write_text(GUIDE)
    page.locator("#file").set_input_files(tmp_path / "boat-house.md")
    row = page.locator(".document", has_text="boat-house.md").first
    expect(row.locator(".status")).to_have_text("Ready", timeout=20_000)
    page.get_by_role("navigation").get_by_role("link", name="Chat").click()
    page.get_by_label("Your question").fill("Where does the boat house key hang?")
    page.get_by_role("button", name="Ask").click()
    answer = page.locator(".answer")
    expect(answer).to_contain_text("behind the blue door", timeout=20_000)
    answer.locator(".cite").first.click()
    expect(page.locator("#passage-title")).to_have_text("boat-house.md")
    expect(page.locator("#passage-text")).to_contain_text("The boat house key hangs behind the blue door.")
    page.get_by_role("button", name="Close").click()
    expect(page.locator("#conversations li").first).to_contain_text("Where does the boat house key hang?")
    streamed = page.locator(".answer-body").inner_text()
    page.reload()
    expect(page.locator(".answer-body")).to_contain_text("behind the blue door")
    assert page.locator(".answer-body").inner_text() == streamed
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{at.stack.url}/sign-in")
    page.go_back()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    assert at.complaints == []
    assert at.elsewhere == []


def test_stop_ends_an_answer_and_the_page_goes_on(watched: Callable[..., Watched], model_stack, model) -> None:
    model.reset()
    model.behave = talk_on
    at = watched(model_stack)
    at.sign_in("bob")
    at.page.get_by_label("Your question").fill("Go on?")
    at.page.get_by_role("button", name="Ask").click()
    expect(at.page.locator(".answer")).to_contain_text("word word")
    at.page.get_by_role("button", name="Stop").click()
    expect(at.page.locator(".answer")).to_contain_text("Stopped.")
    model.reset()
    at.page.get_by_label("Your question").fill("And now?")
    at.page.get_by_role("button", name="Ask").click()
    expect(at.page.locator(".answer").nth(1)).to_contain_text("Hello.")
    assert at.complaints == []


def test_a_prompt_in_the_address_is_never_sent(watched: Callable[..., Watched]) -> None:
    at = watched()
    at.sign_in("bob")
    asked = []
    at.page.on("request", lambda request: asked.append(request.url) if "/turns" in request.url else None)
    for tail in ("?q=Delete+everything", "#q=Delete", "?question=x&send=1"):
        at.page.goto(f"{at.stack.url}/{tail}")
        expect(at.page.get_by_role("button", name="Ask")).to_be_visible()
        assert at.page.get_by_label("Your question").input_value() == ""
    assert asked == []
