"""A real Chromium, its console watched: any violation, error or request to elsewhere fails the test."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, Route, sync_playwright

from development.stack import Stack

CHROMIUM = (
    os.environ.get("CHROMIUM")
    or shutil.which("chromium")
    or shutil.which("chromium-browser")
    or shutil.which("google-chrome")
)
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/browser/" in str(item.path):
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="Chromium is not installed: the browser tests did not run"))


@dataclass
class Watched:
    """A page and what its browser complained about."""

    page: Page
    stack: Stack
    complaints: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def sign_in(self, name: str) -> None:
        self.page.goto(f"{self.stack.url}/")
        self.follow_sign_in(name)
        self.page.wait_for_url(f"{self.stack.url}/")
        self.page.get_by_role("button", name="Ask").wait_for()

    def follow_sign_in(self, name: str) -> None:
        """Sign in from the sign-in page that is shown. Returns before the product's page is there."""
        self.page.get_by_role("link", name="Sign in").click()
        self.page.wait_for_url(f"{self.stack.issuer}/**")
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password").fill(self.stack.secrets.password(name))
        self.page.get_by_role("button", name="Sign in").click()


def watch_network(context: BrowserContext, made: Watched) -> None:
    """Note and end whatever leaves for elsewhere. What the policy blocks never comes this far."""

    def note(route: Route) -> None:
        made.elsewhere.append(route.request.url)
        route.abort()

    own = (made.stack.url, made.stack.issuer)
    context.route(lambda url: not url.startswith(own), note)


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """Run Playwright for one module: while it runs, its event loop is this thread's, and nothing else may start one."""
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    running = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
    yield running
    running.close()


@pytest.fixture
def watched(browser: Browser, stack: Stack) -> Iterator[Callable[..., Watched]]:
    contexts: list[tuple[BrowserContext, Watched]] = []

    def make(at: Stack | None = None) -> Watched:
        context = browser.new_context()
        made = Watched(context.new_page(), at or stack)
        page = made.page
        page.on(
            "console",
            lambda message: made.complaints.append(message.text) if message.type in ("error", "warning") else None,
        )
        page.on("pageerror", lambda error: made.complaints.append(str(error)))
        watch_network(context, made)
        page.on("dialog", lambda dialog: dialog.accept())
        contexts.append((context, made))
        return made

    yield make
    for context, _ in contexts:
        context.close()
