"""Every kind of document from upload to cited answer; what is hidden in one is never found, and its owner is told."""

from collections.abc import Callable
from typing import Any

import pytest

from development.stack import Stack
from tests.doubles.database import connect
from tests.doubles.files import make_package, make_pdf, make_word, shown
from tests.doubles.person import Person
from tests.flows.test_documents import entry, wait_until_read


def word(document: Any) -> None:
    document.add_heading("Windmill", 1)
    document.add_paragraph("The windmill keeper is called Tobias Quill. ").add_run("Veltraxis").font.hidden = True


FILES: dict[str, tuple[bytes, str, str, str]] = {
    "lighthouse.html": (
        b"<title>Lighthouse</title><h1>Staff</h1><p>The lighthouse keeper is called Marta Finch."
        b"<span style='font-size:0'>Veltraxis</span></p>",
        "What is the lighthouse keeper called?",
        "Marta Finch",
        "Lighthouse › Staff",
    ),
    "windmill.docx": (make_word(word), "What is the windmill keeper called?", "Tobias Quill", "Windmill"),
    "quarry.pdf": (
        make_pdf(
            b"", shown("The quarry foreman is called Ines Halloran.") + shown("Veltraxis", before="3 Tr"), packed=True
        ),
        "What is the quarry foreman called?",
        "Ines Halloran",
        "Page 2",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_each_kind_gives_a_cited_answer_without_what_is_hidden(alice: Person, name: str) -> None:
    body, question, expected, section = FILES[name]
    document = alice.upload(name, body)
    answer = alice.ask(question)
    assert expected in answer.text
    assert (answer.cited[0]["title"], answer.cited[0]["section"]) == (name, section)
    assert "Veltraxis" not in str(alice.ask("Veltraxis?").citations)
    read = alice.get(f"/api/v1/documents/{document}/passages").json()
    assert [passage["section"] for passage in read] == [section]
    assert "Veltraxis" not in read[0]["content"]
    assert entry(alice, document)["hidden_characters"] == len("Veltraxis")


@pytest.mark.parametrize("name", FILES)
def test_the_original_is_kept_byte_for_byte_and_can_be_read_again(alice: Person, stack: Stack, name: str) -> None:
    body, question, expected, _ = FILES[name]
    document = alice.upload(name, body)
    with connect(stack, "bootstrap") as outside:
        kept = outside.execute(
            "select body from chatbot.document_bodies where document_id = %s", (document,)
        ).fetchone()
        outside.execute("delete from chatbot.chunks where document_id = %s", (document,))
    assert kept == (body,)
    assert alice.get(f"/api/v1/documents/{document}/passages").json() == []
    assert alice.post(f"/api/v1/documents/{document}/index").status_code == 202
    assert wait_until_read(alice, document)["status"] == "ready"
    assert expected in alice.get(f"/api/v1/documents/{document}/passages").text
    assert expected in alice.ask(question).text


@pytest.mark.parametrize(
    ("name", "body", "what_to_do"),
    [
        ("scan.pdf", make_pdf(b""), "Run text recognition"),
        ("many.pdf", make_pdf(*[b""] * 501), "Split it"),
        ("cut.pdf", b"%PDF-1.7\nnothing", "upload that"),
        ("empty.html", b"<script>x</script>", "no text that can be seen"),
        ("deep.html", b"<div>" * 300_000, "simpler form"),
        ("bomb.docx", make_package("", {"x.bin": b"\0" * 70_000_000}), "Unpacked"),
        ("entities.docx", make_package(b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"), "word processor"),
    ],
)
def test_a_document_that_cannot_be_read_says_what_to_do(alice: Person, name: str, body: bytes, what_to_do: str) -> None:
    response = alice.post("/api/v1/documents", params={"name": name}, content=body)
    assert response.status_code == 202, response.text
    found = wait_until_read(alice, response.json()["id"])
    assert (found["status"], what_to_do in found["problem"]) == ("failed", True), found


def test_passages_come_in_parts_and_only_to_who_may_read_them(
    person: Callable[[str], Person], alice: Person, bob: Person, carol: Person
) -> None:
    document = alice.upload(
        "long.md", "\n".join(f"# Section {n}\n\nThe number of this section is {n}.\n" for n in range(250))
    )
    path = f"/api/v1/documents/{document}/passages"
    first = alice.get(path).json()
    then = alice.get(path, params={"after": first[-1]["place"]}).json()
    assert [passage["place"] for passage in first + then] == list(range(250))
    assert len(first) == 200
    assert (bob.get(path).status_code, carol.get(path).status_code, person("").get(path).status_code) == (404, 404, 401)
    assert alice.change("PATCH", f"/api/v1/documents/{document}", json={"shared": True}).status_code == 204
    assert len(bob.get(path).json()) == 200
    assert carol.get(path).status_code == 404
    assert alice.get(path, params={"after": "-2"}).status_code == 422
    alice.change("DELETE", f"/api/v1/documents/{document}")
    assert alice.get(path).status_code == 404
