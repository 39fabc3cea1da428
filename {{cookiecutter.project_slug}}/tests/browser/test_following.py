"""What people do while something is slow, fails or is left: nothing vanishes, nothing is mixed up, and they are told."""

import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Watched
from tests.doubles import upstream
from tests.doubles.upstream import ScriptedModel

QUESTION = "Your question"
BELOW = "() => { const box = document.getElementById('messages'); return box.scrollHeight - box.scrollTop - box.clientHeight; }"


def send(page: Page, question: str) -> None:
    page.get_by_label(QUESTION).fill(question)
    page.get_by_role("button", name="Ask", exact=True).click()


def ask(page: Page, question: str) -> None:
    before = page.locator(".answer").count()
    send(page, question)
    expect(page.locator(".answer")).to_have_count(before + 1)
    expect(page.get_by_role("button", name="Ask", exact=True)).to_be_visible()


def begin_two(page: Page, first: str, second: str) -> tuple[str, str]:
    """Begin a conversation with each question, open a new one, return both addresses."""
    addresses = []
    for question in (first, second):
        ask(page, question)
        addresses.append(page.url)
        page.get_by_role("button", name="New conversation").click()
    return addresses[0], addresses[1]


def open_by_hash(page: Page, address: str) -> None:
    page.evaluate("(hash) => { location.hash = hash; }", address.partition("#")[2])


@pytest.fixture
def slow(model: ScriptedModel) -> Iterator[threading.Event]:
    """A model that says a first word, and the rest when the event is set."""
    go = threading.Event()

    def behave(handler: BaseHTTPRequestHandler) -> None:
        upstream.begin_stream(handler)
        upstream.send_piece(handler, "Begun")
        go.wait(30)
        try:
            upstream.send_piece(handler, " and finished.")
            upstream.end_stream(handler)
        except OSError:
            return  # the reader left

    model.reset()
    model.behave = behave
    yield go
    go.set()
    model.reset()


def test_the_newest_message_stays_in_view_and_a_long_conversation_opens_there(watched: Callable[..., Watched]) -> None:
    at = watched()
    page = at.page
    page.set_viewport_size({"width": 1000, "height": 700})
    at.sign_in("bob")
    for number in range(8):
        ask(page, f"Where is thing number {number}?")
        assert page.evaluate(BELOW) < 2, number
    address = page.url
    page.goto(f"{at.stack.url}/documents")
    page.goto(address)
    expect(page.locator(".answer")).to_have_count(8)
    assert page.evaluate(BELOW) < 2
    # a reader who scrolled away stays there, and can come back
    page.evaluate("() => { document.getElementById('messages').scrollTop = 0; }")
    expect(page.get_by_role("button", name="Newest")).to_be_visible()
    page.get_by_role("button", name="Newest").click()
    assert page.evaluate(BELOW) < 2
    assert at.complaints == []


def test_an_answer_goes_on_while_another_conversation_is_looked_at(
    watched: Callable[..., Watched], model_stack: object, slow: threading.Event
) -> None:
    at = watched(model_stack)
    page = at.page
    at.sign_in("alice")
    send(page, "A slow one?")
    expect(page.locator(".answer")).to_contain_text("Begun")
    address = page.url
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator(".answer")).to_have_count(0)
    expect(page.get_by_role("button", name="Ask", exact=True)).to_be_visible()
    page.goto(address)  # the same document: only what stands behind # changes
    expect(page.locator(".answer")).to_contain_text("Begun")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    slow.set()
    expect(page.locator(".answer")).to_contain_text("Begun and finished.")
    expect(page.get_by_role("button", name="Ask", exact=True)).to_be_visible()


def test_leaving_an_answer_is_asked_about_and_said_afterwards(
    watched: Callable[..., Watched], model_stack: object, slow: threading.Event
) -> None:
    at = watched(model_stack)
    page = at.page
    asked: list[str] = []
    page.on("dialog", lambda dialog: asked.append(dialog.type))
    at.sign_in("alice")
    send(page, "A slow one?")
    expect(page.locator(".answer")).to_contain_text("Begun")
    page.reload()
    assert "beforeunload" in asked
    expect(page.get_by_text("Interrupted")).to_be_visible()


def test_the_conversation_that_was_opened_last_is_shown(watched: Callable[..., Watched]) -> None:
    at = watched()
    page = at.page
    at.sign_in("bob")
    first, second = begin_two(page, "First of two?", "Second of two?")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(f"**/api/v1/conversations/{first.partition('#')[2]}?*", hold)
    open_by_hash(page, first)
    open_by_hash(page, second)
    expect(page.get_by_text("Second of two?").last).to_be_visible()
    for route in held:
        route.continue_()
    page.wait_for_load_state("networkidle")
    assert page.locator(".question").all_inner_texts()[0].startswith("Second of two?")
    assert page.url == second


def test_a_question_that_begins_a_conversation_is_not_mixed_with_another(watched: Callable[..., Watched]) -> None:
    at = watched()
    page = at.page
    at.sign_in("bob")
    ask(page, "An old one?")
    old = page.url
    page.get_by_role("button", name="New conversation").click()
    held: list[Route] = []
    page.route(
        "**/api/v1/conversations",
        lambda route: held.append(route) if route.request.method == "POST" else route.continue_(),
    )
    send(page, "A new one?")
    open_by_hash(page, old)
    expect(page.locator(".question").first).to_contain_text("An old one?")
    for route in held:
        route.continue_()
    page.wait_for_load_state("networkidle")
    assert page.url == old
    assert page.locator(".question").count() == 1
    ask(page, "And one more?")  # it goes to the conversation that is shown
    assert page.url == old


@pytest.mark.parametrize("path", ["/nowhere", "/auth/callback?code=x&state=y"])
def test_a_person_gets_a_page_where_a_program_gets_a_problem(watched: Callable[..., Watched], path: str) -> None:
    at = watched()
    at.sign_in("bob")
    answer = at.page.goto(f"{at.stack.url}{path}")
    assert answer is not None and answer.status >= 400
    expect(at.page.get_by_role("heading", level=1)).to_be_visible()
    expect(at.page.get_by_text("Reference:")).to_be_visible()
    assert at.page.get_by_role("link").first.get_attribute("href") in ("/", "/sign-in")


@pytest.mark.parametrize(
    ("path", "asked"), [("/", "/api/v1/conversations"), ("/documents", "/api/v1/documents"), ("/settings", "/api/v1/keys"), ("/usage", "/api/v1/usage")]
)  # fmt: skip
def test_a_start_that_fails_says_so_and_can_be_tried_again(
    watched: Callable[..., Watched], path: str, asked: str
) -> None:
    at = watched()
    page = at.page
    at.sign_in("bob")
    page.route(f"**{asked}*", lambda route: route.fulfill(status=503, json={"title": "A needed part is not available"}))
    page.goto(f"{at.stack.url}{path}")
    expect(page.get_by_text("A needed part is not available").first).to_be_visible()
    page.unroute(f"**{asked}*")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("A needed part is not available")).to_have_count(0)


def test_a_document_is_watched_until_it_is_ready_whatever_fails_meanwhile(watched: Callable[..., Watched]) -> None:
    at = watched()
    page = at.page
    at.sign_in("bob")
    page.goto(f"{at.stack.url}/documents")
    counted: list[int] = []

    def answer(route: Route) -> None:
        counted.append(1)
        if len(counted) in (2, 3):
            route.fulfill(status=503, json={"title": "Busy"})
        else:
            route.continue_()

    page.route("**/api/v1/documents", answer)
    page.locator("#file").set_input_files(
        {"name": "watched.md", "mimeType": "text/markdown", "buffer": b"# W\n\nWatched."}
    )
    row = page.locator("#documents li", has_text="watched.md").first
    expect(row.get_by_text("Ready")).to_be_visible(timeout=15_000)


def test_offline_is_said_in_words_and_what_was_typed_is_kept(watched: Callable[..., Watched]) -> None:
    at = watched()
    page = at.page
    at.sign_in("bob")
    page.context.set_offline(True)
    send(page, "Does anybody hear me?")
    expect(page.locator("#notice")).to_contain_text("You are offline")
    assert page.get_by_label(QUESTION).input_value() == "Does anybody hear me?"
    page.context.set_offline(False)
    ask(page, "Does anybody hear me?")


def test_a_session_that_ended_loses_neither_the_draft_nor_the_place(watched: Callable[..., Watched]) -> None:
    at = watched()
    page = at.page
    at.sign_in("bob")
    ask(page, "Where was I?")
    address = page.url
    page.get_by_label(QUESTION).fill("Half a thou")
    page.context.clear_cookies()
    page.get_by_role("button", name="Ask", exact=True).click()
    page.wait_for_url(re.compile(r"/sign-in"))
    at.follow_sign_in("bob")
    page.wait_for_url(address)
    expect(page.get_by_text("Where was I?").last).to_be_visible()
    expect(page.get_by_label(QUESTION)).to_have_value("Half a thou")


def test_a_deep_link_comes_back_to_its_page_after_signing_in(watched: Callable[..., Watched]) -> None:
    at = watched()
    page = at.page
    page.goto(f"{at.stack.url}/documents")
    page.wait_for_url(re.compile(r"/sign-in"))
    at.follow_sign_in("bob")
    page.wait_for_url(f"{at.stack.url}/documents")


def test_drafts_stay_with_their_conversation_and_go_with_the_account(watched: Callable[..., Watched]) -> None:
    at = watched()
    page = at.page
    at.sign_in("bob")
    ask(page, "One with a draft?")
    address = page.url
    page.get_by_label(QUESTION).fill("the draft")
    page.get_by_role("link", name="Settings").click()
    page.goto(address)
    expect(page.get_by_label(QUESTION)).to_have_value("the draft")
    page.get_by_role("button", name="New conversation").click()
    expect(page.get_by_label(QUESTION)).to_have_value("")
    page.goto(address)
    expect(page.get_by_label(QUESTION)).to_have_value("the draft")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(re.compile(r"/sign-in"))
    at.sign_in("alice")
    page.goto(address)
    expect(page.get_by_label(QUESTION)).to_have_value("")
