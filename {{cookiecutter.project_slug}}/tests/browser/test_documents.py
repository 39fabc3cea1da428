"""What was read from a document is shown to its owner as text, whatever it holds, with what was left out."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Watched
from tests.doubles.files import make_pdf, shown

PAGE = """<title>Ferry</title><h1>Times</h1><p>The ferry leaves at seven. &lt;img src=x onerror=alert(1)&gt;</p>
<p style="display:none">Veltraxis</p><h2>Fares &lt;b&gt;</h2><table><tr><th>Who</th><th>Fare</th></tr><tr><td>Child</td><td>2</td></tr></table>"""


def open_documents(at: Watched) -> None:
    at.page.goto(f"{at.stack.url}/documents")
    expect(at.page.locator("#account-name")).not_to_be_empty()  # filled in once the page's script listens


def test_what_was_read_is_shown_as_text(watched: Callable[..., Watched], tmp_path: Path) -> None:
    at = watched()
    page = at.page
    at.sign_in("grace")
    open_documents(at)
    (tmp_path / "ferry.html").write_text(PAGE)
    (tmp_path / "scan.pdf").write_bytes(make_pdf(b""))
    page.locator("#file").set_input_files([tmp_path / "ferry.html", tmp_path / "scan.pdf"])
    row = page.locator(".document", has_text="ferry.html")
    expect(row.locator(".status")).to_have_text("Ready", timeout=20_000)
    expect(row).to_contain_text("9 hidden characters left out")
    page.get_by_role("button", name="What was read from ferry.html").click()
    passages = page.locator("#reading-passages li")
    expect(passages).to_have_count(2)
    expect(passages.nth(0)).to_contain_text("The ferry leaves at seven. <img src=x onerror=alert(1)>")
    expect(passages.nth(1).locator("b")).to_have_text("Ferry › Times › Fares <b>")
    expect(passages.nth(1)).to_contain_text("Who: Child; Fare: 2")
    expect(page.locator("#reading-more")).to_be_hidden()
    assert "Veltraxis" not in page.locator("#reading").inner_text()
    page.locator("#reading-close").click()
    scan = page.locator(".document", has_text="scan.pdf")
    expect(scan.locator(".status")).to_contain_text("Run text recognition", timeout=20_000)
    expect(scan.get_by_role("button", name="What was read")).to_have_count(0)
    assert at.complaints == []
    assert at.elsewhere == []


def test_a_long_document_is_shown_in_parts(watched: Callable[..., Watched], tmp_path: Path) -> None:
    at = watched()
    page = at.page
    at.sign_in("grace")
    open_documents(at)
    (tmp_path / "long.pdf").write_bytes(make_pdf(*[shown(f"The number of this page is {n}.") for n in range(1, 251)]))
    page.locator("#file").set_input_files(tmp_path / "long.pdf")
    page.get_by_role("button", name="What was read from long.pdf").click(timeout=20_000)
    passages = page.locator("#reading-passages li")
    expect(passages).to_have_count(200)
    page.get_by_role("button", name="Show more").click()
    expect(passages).to_have_count(250)
    expect(passages.last).to_contain_text("Page 250")
    expect(page.get_by_role("button", name="Show more")).to_be_hidden()
    assert at.complaints == []
