"""The administration's page: what an administrator does is done, and an auditor only reads (api-authz)."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.conftest import Watched


def test_an_administrator_suspends_somebody_and_lets_them_in_again(watched: Callable[..., Watched]) -> None:
    theirs, at = watched(), watched()
    theirs.sign_in("carol")
    at.sign_in("grace")
    at.page.get_by_role("link", name="People").click()
    at.page.get_by_role("button", name="Open Carol Cole").click()
    at.page.get_by_role("button", name="Suspend").click()
    expect(at.page.locator("#person-problem")).to_have_text("Done.")
    theirs.page.goto(f"{theirs.stack.url}/")
    expect(theirs.page.get_by_role("link", name="Sign in")).to_be_visible()
    at.page.get_by_role("button", name="Let in again").click()
    expect(at.page.get_by_role("button", name="Suspend")).to_be_visible()
    at.page.get_by_label("Role").select_option("auditor")
    at.page.get_by_role("button", name="Save").click()
    expect(at.page.locator("#people li", has_text="Carol Cole")).to_contain_text("auditor, set here")
    theirs.page.goto(f"{theirs.stack.url}/")
    theirs.page.get_by_role("link", name="Sign in").click()
    theirs.page.get_by_label("Name").fill("carol")
    theirs.page.get_by_label("Password").fill(theirs.stack.secrets.password("carol"))
    theirs.page.get_by_role("button", name="Sign in").click()
    theirs.page.wait_for_url(f"{theirs.stack.url}/")
    theirs.page.goto(f"{theirs.stack.url}/admin")
    theirs.page.get_by_role("button", name="Open Grace Gupta").click()
    expect(theirs.page.get_by_role("button", name="Suspend")).to_be_disabled()
    theirs.page.goto(f"{theirs.stack.url}/audit")
    theirs.page.get_by_label("everybody in the organisation").check()
    expect(theirs.page.locator("#records li").first).to_be_visible()
    at.page.get_by_label("Role").select_option("")
    at.page.get_by_role("button", name="Save").click()
    expect(at.page.locator("#people li", has_text="Carol Cole")).to_contain_text("member ·")
    assert (at.complaints, at.elsewhere) == ([], [])


def test_an_administrator_gives_the_organisation_a_budget(watched: Callable[..., Watched]) -> None:
    at = watched()
    at.sign_in("grace")
    at.page.goto(f"{at.stack.url}/admin")
    expect(at.page.locator("#budget-most")).to_have_text("The operator sets no limit.")
    at.page.locator("#budget").fill("90000000")
    at.page.get_by_role("button", name="Set the budget").click()
    expect(at.page.locator("#notice")).to_have_text("The budget is saved.")
    at.page.goto(f"{at.stack.url}/usage")
    expect(at.page.locator("#budgets")).to_contain_text("of 90,000,000 tokens")
    at.page.goto(f"{at.stack.url}/admin")
    expect(at.page.locator("#budget")).to_have_value("90000000")
    at.page.locator("#budget").fill("")
    at.page.get_by_role("button", name="Set the budget").click()
    expect(at.page.locator("#notice")).to_have_text("The budget is saved.")
    assert (at.complaints, at.elsewhere) == ([], [])


def test_a_member_is_offered_no_administration(watched: Callable[..., Watched]) -> None:
    at = watched()
    at.sign_in("bob")
    expect(at.page.locator("#account-name")).to_have_text("Bob Baker")
    expect(at.page.get_by_role("link", name="People")).to_have_count(0)


def test_every_page_fits_a_phone(watched: Callable[..., Watched]) -> None:
    at = watched()
    at.page.set_viewport_size({"width": 375, "height": 700})
    at.sign_in("ada")
    for path in ("/admin", "/audit", "/usage", "/settings"):
        at.page.goto(f"{at.stack.url}{path}")
        expect(at.page.locator("#account-name")).not_to_be_empty()
        assert at.page.evaluate("document.documentElement.scrollWidth") <= 375, path
    assert at.complaints == []
