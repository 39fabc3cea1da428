"""The settings page: a key is made, shown once, and revoked."""

from collections.abc import Callable

from playwright.sync_api import expect

from chatbot.identity.keys import is_key
from tests.browser.conftest import Watched


def test_a_key_is_made_shown_once_and_revoked(watched: Callable[..., Watched]) -> None:
    at = watched()
    page = at.page
    at.sign_in("ada")
    page.get_by_role("link", name="Settings").click()
    expect(page.locator("#base")).to_have_text(f"{at.stack.url}/v1")
    page.get_by_label("Name").fill("<b>Reports</b>")
    page.get_by_role("button", name="Make a key").click()
    shown = page.locator("#made-key")
    expect(shown).to_be_visible()
    key = shown.input_value()
    assert is_key(key)
    page.get_by_role("button", name="I have copied it").click()
    row = page.locator("#keys li", has_text="<b>Reports</b>")
    expect(row).to_contain_text(f"{key[:10]}… · asks questions · never used")
    assert key not in page.content()
    page.get_by_role("button", name="Revoke <b>Reports</b>").click()
    page.get_by_role("button", name="Keep it").click()
    expect(row).not_to_contain_text("Revoked")
    page.get_by_role("button", name="Revoke <b>Reports</b>").click()
    page.get_by_role("button", name="Revoke", exact=True).click()
    expect(row).to_contain_text("Revoked")
    assert (at.complaints, at.elsewhere) == ([], [])


def test_a_key_is_replaced(watched: Callable[..., Watched]) -> None:
    at = watched()
    page = at.page
    at.sign_in("grace")
    page.goto(f"{at.stack.url}/settings")
    page.get_by_label("Name").fill("Courier")
    page.get_by_label("It is used from").fill("127.0.0.0/8, 2001:db8::1")
    page.get_by_role("button", name="Make a key").click()
    old = page.locator("#made-key").input_value()
    page.get_by_role("button", name="I have copied it").click()
    expect(page.locator("#keys li", has_text="Courier")).to_contain_text("from 127.0.0.0/8, 2001:db8::1/128")
    page.get_by_role("button", name="Replace Courier").click()
    page.get_by_label("The old key ends").select_option("at once")
    page.get_by_role("button", name="Replace", exact=True).click()
    expect(page.locator("#made-key")).to_be_visible()
    new = page.locator("#made-key").input_value()
    assert is_key(new) and new != old
    page.get_by_role("button", name="I have copied it").click()
    expect(page.locator("#keys li", has_text="Courier").filter(has_text="Revoked")).to_have_count(1)
    expect(page.get_by_role("button", name="Revoke Courier")).to_have_count(1)
    page.get_by_role("button", name="Revoke Courier").click()
    page.get_by_role("button", name="Revoke", exact=True).click()
    assert (at.complaints, at.elsewhere) == ([], [])


def test_it_fits_a_phone(watched: Callable[..., Watched]) -> None:
    at = watched()
    at.page.set_viewport_size({"width": 375, "height": 700})
    at.sign_in("ada")
    at.page.goto(f"{at.stack.url}/settings")
    expect(at.page.get_by_role("button", name="Make a key")).to_be_visible()
    for path in ("/settings", "/documents", "/"):
        at.page.goto(f"{at.stack.url}{path}")
        expect(at.page.locator("#account-name")).not_to_be_empty()
        assert at.page.evaluate("document.documentElement.scrollWidth") <= 375, path
    assert at.complaints == []
