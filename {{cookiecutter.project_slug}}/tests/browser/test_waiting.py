"""A page that is told to wait waits, and says for how long (web-limit)."""

import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from development.stack import Stack
from tests.browser.conftest import Watched
from tests.doubles.goal import must_fail

PRESSES = 40


@pytest.fixture
def busy(watched: Callable[..., Watched], limited_stack: Stack) -> Iterator[tuple[Watched, Callable[[], None]]]:
    """Somebody who has as many answers under way as they may; call the second to end them."""
    at = watched(at=limited_stack)
    at.sign_in("alice")
    user = at.page.evaluate("fetch('/api/v1/session').then((answer) => answer.json())")["user"]
    with limited_stack.state.connect() as everything:
        everything.zadd(f"open:{user}", {f"elsewhere-{number}": (time.time() + 600) * 1000 for number in range(200)})
        yield at, lambda: everything.delete(f"open:{user}")
        everything.delete(f"open:{user}")


def test_a_page_that_was_told_to_wait_sends_nothing_until_then(
    busy: tuple[Watched, Callable[[], None]],
) -> None:
    at, _ = busy
    sent: list[str] = []
    at.page.on("request", lambda request: sent.append(request.url) if request.url.endswith("/turns") else None)
    at.page.get_by_label("Your question").fill("Are you there?")
    for _ in range(PRESSES):
        at.page.get_by_label("Your question").press("Enter")
    must_fail(len(sent) > PRESSES / 8, f"{len(sent)} questions were sent by a page that was to wait")
    assert sent


def test_it_says_how_long_and_goes_on_then(busy: tuple[Watched, Callable[[], None]]) -> None:
    at, end = busy
    at.page.get_by_label("Your question").fill("Are you there?")
    at.page.get_by_role("button", name="Ask").click()
    expect(at.page.locator("#notice")).to_contain_text("Too many answers at once")
    expect(at.page.locator("#notice")).to_contain_text("s)")
    expect(at.page.get_by_role("button", name="Ask")).to_be_disabled()
    end()
    expect(at.page.get_by_role("button", name="Ask")).to_be_enabled()
    expect(at.page.locator("#notice")).to_have_text("")
    at.page.get_by_role("button", name="Ask").click()
    expect(at.page.locator(".answer")).to_contain_text("Hello.")
