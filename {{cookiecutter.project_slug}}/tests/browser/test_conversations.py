"""Conversations at the side of the page: found, named, filed, exported, deleted and brought back."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.conftest import Watched

LIST = "#conversations"


def ask(page: Page, question: str) -> None:
    before = page.locator(".answer").count()
    page.get_by_label("Your question").fill(question)
    page.get_by_role("button", name="Ask").click()
    expect(page.locator(".answer")).to_have_count(before + 1)
    expect(page.get_by_role("button", name="Ask")).to_be_visible()


def options(page: Page, title: str) -> None:
    page.locator(f"{LIST} li", has_text=title).hover()
    page.get_by_role("button", name=f"Options for “{title}”").click()


def test_a_conversation_is_found_named_filed_exported_deleted_and_brought_back(watched: Callable[..., Watched]) -> None:
    at = watched()
    page = at.page
    at.sign_in("ada")
    ask(page, "Where is the quince marmalade?")
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator(".answer")).to_have_count(0)
    ask(page, "Who keeps the ledger?")
    # others may have used this account in the same run: only these two are looked at
    quince = page.locator(f"{LIST} li", has_text="Where is the quince marmalade?").first
    ledger = page.locator(f"{LIST} li", has_text="ledger")
    expect(quince).to_be_visible()
    expect(ledger).to_have_count(1)

    page.get_by_label("Search conversations").fill("QUINCE where")
    expect(ledger).to_have_count(0)
    expect(quince).to_be_visible()
    page.get_by_label("Search conversations").fill("no such word")
    expect(page.get_by_text("No conversation holds all of these words.")).to_be_visible()
    page.get_by_label("Search conversations").fill("")
    expect(ledger).to_have_count(1)

    options(page, "Who keeps the ledger?")
    page.get_by_label("Title").fill("<b>The ledger</b>")
    page.get_by_label("Folder").fill("Office")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(f"{LIST} details", has=page.get_by_text("Office")).locator("li")).to_contain_text(
        "<b>The ledger</b>"
    )
    assert page.locator(f"{LIST} b").count() == 0

    options(page, "<b>The ledger</b>")
    with page.expect_download() as started:
        page.get_by_role("link", name="Markdown").click()
    assert started.value.suggested_filename.endswith(".md")
    page.get_by_role("button", name="Delete").click()
    expect(ledger).to_have_count(0)
    expect(page.locator(".answer")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(ledger).to_have_count(1)
    expect(page.locator(".question p")).to_have_text("Who keeps the ledger?")
    assert at.complaints == []
    assert at.elsewhere == []


def test_the_list_works_on_a_phone(watched: Callable[..., Watched]) -> None:
    at = watched()
    at.page.set_viewport_size({"width": 375, "height": 700})
    at.sign_in("grace")
    ask(at.page, "Is it small?")
    at.page.get_by_role("button", name="Conversations", exact=True).click()
    options(at.page, "Is it small?")
    box = at.page.locator("#options").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 375
    at.page.get_by_role("button", name="Close").click()
    assert at.complaints == []
