"""Real programs' PDFs in a browser, as a new user tries them: a question about a table, and one about a footnote."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Watched

SAMPLES = Path(__file__).parents[1] / "samples" / "producers"
PRODUCERS = ["chromium", "fpdf2", "libreoffice", "luatex", "reportlab", "weasyprint"]
QUESTIONS = {
    "What does a ferry pay for a week in winter?": "1,490",  # of a table, below names of two levels
    "How much is the waiting fee for each hour?": "The waiting fee is 23 EUR for each hour",  # of a footnote
}


@pytest.mark.parametrize("producer", PRODUCERS)
def test_a_table_and_a_footnote_of_a_pdf_answer_a_question(
    watched: Callable[..., Watched], tmp_path: Path, producer: str
) -> None:
    at = watched()
    page = at.page
    at.sign_in("bob")
    name = f"guide-{producer}.pdf"
    shutil.copy(SAMPLES / f"mini-{producer}.pdf", tmp_path / name)
    page.goto(f"{at.stack.url}/documents")
    page.locator("#file").set_input_files(tmp_path / name)
    row = page.locator(".document", has_text=name).first
    expect(row.locator(".status")).to_have_text("Ready", timeout=20_000)
    for number, (question, expected) in enumerate(QUESTIONS.items()):
        if not number:
            page.get_by_role("navigation").get_by_role("link", name="Chat").click()
        page.get_by_label("Your question").fill(question)
        page.get_by_role("button", name="Ask").click()
        answer = page.locator(".answer").nth(number)
        expect(answer).to_contain_text(expected, timeout=20_000)
        answer.locator(".cite").first.click()
        expect(page.locator("#passage-title")).to_have_text(name)
        expect(page.locator("#passage-text")).to_contain_text(expected)
        page.get_by_role("button", name="Close").click()
        expect(page.get_by_role("button", name="Ask")).to_be_visible()
    page.goto(f"{at.stack.url}/documents")
    page.once("dialog", lambda dialog: dialog.accept())
    row.get_by_role("button", name="Options").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.locator(".document", has_text=name)).to_have_count(0)
    assert at.complaints == []
