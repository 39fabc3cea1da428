"""Makes the README's pictures from the running product: `python -m development.screenshots FOLDER`."""

import json
import os
import shutil
import socket
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from development.places import CannotStart
from development.stack import PROJECT, Stack

_DOCUMENTS = ("travel-policy.md", "espresso-machine-manual.md", "leave-policy.md")
_QUESTIONS = ("What does a steady red lamp mean?", "When is leave carried over?", "Which trips need approval?")
_WIDE: ViewportSize = {"width": 1180, "height": 760}
_PHONE: ViewportSize = {"width": 390, "height": 780}


def main() -> None:
    """Start a stack of its own, do the main job, and take the pictures."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("Chromium is needed for pictures: install it (on Debian: apt install chromium).")
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else PROJECT / "docs" / "pictures")
    folder.mkdir(parents=True, exist_ok=True)
    state = Path(tempfile.mkdtemp(prefix="chatbot-pictures-", dir="/tmp"))
    state.chmod(0o711 if os.getuid() == 0 else 0o700)
    (state / "ports.json").write_text(json.dumps({"gateway": _free_port(), "identity": _free_port()}))
    try:
        with Stack(state, say=lambda line: None) as stack, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            take_pictures(browser, stack, folder)
            browser.close()
    except CannotStart as error:
        sys.exit(str(error))
    finally:
        shutil.rmtree(state, ignore_errors=True)
    print(f"Pictures: {folder}")


def take_pictures(browser: Browser, stack: Stack, folder: Path) -> None:
    """Go through the main job and take one picture a step."""
    context = browser.new_context(viewport=_WIDE, device_scale_factor=1.5, color_scheme="light")
    page = context.new_page()
    page.goto(f"{stack.url}/sign-in")
    page.screenshot(path=folder / "sign-in.png")
    _sign_in(page, stack)
    page.goto(f"{stack.url}/documents")
    page.locator("#file").set_input_files([PROJECT / "benchmarks/answers/documents" / name for name in _DOCUMENTS])
    page.locator(".document.ready").nth(len(_DOCUMENTS) - 1).wait_for()
    page.screenshot(path=folder / "documents.png")
    page.goto(f"{stack.url}/")
    for number, question in enumerate(_QUESTIONS):
        page.get_by_role("button", name="New conversation").click()
        page.get_by_label("Your question").fill(question)
        page.get_by_role("button", name="Ask").click()
        page.locator("#conversations li").nth(number).wait_for()
        page.get_by_role("button", name="Ask").wait_for()
    page.get_by_label("Your question").fill(_QUESTIONS[0])
    page.get_by_role("button", name="Ask").click()
    page.locator(".sources").last.wait_for()
    page.screenshot(path=folder / "chat.png")
    page.emulate_media(color_scheme="dark")
    page.screenshot(path=folder / "chat-dark.png")
    page.locator(".cite").last.click()
    page.locator("#passage-text").wait_for()
    page.screenshot(path=folder / "passage-dark.png")
    page.get_by_role("button", name="Close").click()
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(_PHONE)
    page.screenshot(path=folder / "phone.png")
    page.get_by_role("button", name="Conversations").click()
    page.screenshot(path=folder / "phone-list.png")
    page.goto(f"{stack.url}/documents")
    page.locator(".document").first.wait_for()
    page.screenshot(path=folder / "phone-documents.png")
    context.close()


def _sign_in(page: Page, stack: Stack) -> None:
    page.goto(f"{stack.url}/auth/login")
    page.get_by_label("Name").fill("alice")
    page.get_by_label("Password").fill(stack.secrets.password("alice"))
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Ask").wait_for()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
