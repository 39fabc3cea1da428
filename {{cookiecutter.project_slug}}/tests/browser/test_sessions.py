"""Sessions on the settings page, proving anew who one is, and the way back after signing out (web-session)."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.conftest import Watched
from tests.doubles.kept_sessions import rewrite_session


def test_another_browser_is_seen_and_signed_out(watched: Callable[..., Watched]) -> None:
    here, there = watched(), watched()
    here.sign_in("grace")
    there.sign_in("grace")
    here.page.goto(f"{here.stack.url}/settings")
    rows = here.page.locator("#sessions li")
    expect(rows.filter(has_text="This browser")).to_have_count(1)
    expect(rows.first).to_contain_text("Chrome on Linux")
    here.page.get_by_role("button", name="Sign out everywhere else").click()
    expect(rows).to_have_count(1)
    there.page.goto(f"{there.stack.url}/settings")
    expect(there.page.get_by_role("link", name="Sign in")).to_be_visible()
    assert (here.complaints, here.elsewhere) == ([], [])


def test_a_dangerous_act_is_offered_a_new_sign_in_and_comes_back(watched: Callable[..., Watched]) -> None:
    at = watched()
    at.sign_in("ada")
    at.page.goto(f"{at.stack.url}/settings")
    with at.stack.state.connect() as everything:
        kept = {key.decode(): int(everything.hget(key, "authenticated")) for key in everything.scan_iter("session:*")}
    for name, authenticated in kept.items():
        rewrite_session(at.stack, name, authenticated=authenticated - 601)
    at.page.get_by_label("Name").fill("nightly")
    at.page.get_by_role("button", name="Make a key").click()
    at.page.get_by_role("button", name="Sign in again").click()
    at.page.wait_for_url(f"{at.stack.issuer}/**")
    at.page.get_by_label("Name").fill("ada")
    at.page.get_by_label("Password").fill(at.stack.secrets.password("ada"))
    at.page.get_by_role("button", name="Sign in").click()
    at.page.wait_for_url(f"{at.stack.url}/settings")
    at.page.get_by_label("Name").fill("nightly")
    at.page.get_by_role("button", name="Make a key").click()
    expect(at.page.locator("#made-key")).to_be_visible()


def test_going_back_after_signing_out_shows_nothing_of_the_account(watched: Callable[..., Watched]) -> None:
    at = watched()
    at.sign_in("bob")
    at.page.goto(f"{at.stack.url}/settings")
    expect(at.page.locator("#account-name")).to_have_text("Bob Baker")
    at.page.get_by_role("button", name="Sign out", exact=True).click()
    expect(at.page.get_by_role("link", name="Sign in")).to_be_visible()
    at.page.go_back()
    expect(at.page.get_by_role("link", name="Sign in")).to_be_visible()
    assert "Bob Baker" not in at.page.content()
