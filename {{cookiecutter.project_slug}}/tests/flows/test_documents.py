"""Documents after they were uploaded: other kinds, renamed, shared and not any more, read anew."""

import time
from typing import Any

import pytest

from development.stack import Stack
from tests.doubles.database import connect
from tests.doubles.person import Person

TABLE = "name;room;telephone\nOrsola;blue;4711\nPiet;green;4712\n"


def entry(person: Person, document: str) -> dict[str, Any]:
    listed: list[dict[str, Any]] = person.get("/api/v1/documents").json()
    return next(each for each in listed if each["id"] == document)


def wait_until_read(person: Person, document: str) -> dict[str, Any]:
    end = time.monotonic() + 30
    while (found := entry(person, document))["status"] == "queued" and time.monotonic() < end:
        time.sleep(0.02)  # polling a server's state
    return found


def test_a_table_s_rows_are_found_with_their_columns_names(alice: Person) -> None:
    alice.upload("people.csv", TABLE)
    answer = alice.ask("What is the telephone number of Orsola?")
    assert "4711" in answer.text


def test_a_broken_file_fails_with_what_to_do_and_can_be_read_again(alice: Person) -> None:
    response = alice.post("/api/v1/documents", params={"name": "broken.pdf"}, content=b"%PDF-1.7 and nothing else")
    found = wait_until_read(alice, response.json()["id"])
    assert (found["status"], "upload that" in found["problem"]) == ("failed", True)
    assert alice.post(f"/api/v1/documents/{found['id']}/index").status_code == 202
    assert wait_until_read(alice, found["id"])["status"] == "failed"


def test_what_is_lost_in_the_index_comes_back_when_read_again(alice: Person, stack: Stack) -> None:
    document = alice.upload("bell.md", "# Bell\n\nThe bell of Saint Orrin weighs nine hundredweight.")
    with connect(stack, "bootstrap") as outside:
        outside.execute("delete from chatbot.chunks where document_id = %s", (document,))
    assert "nine hundredweight" not in alice.ask("What does the bell of Saint Orrin weigh?").text
    assert alice.post(f"/api/v1/documents/{document}/index").status_code == 202
    assert wait_until_read(alice, document)["status"] == "ready"
    assert "nine hundredweight" in alice.ask("What does the bell of Saint Orrin weigh?").text


def test_a_document_is_shared_and_taken_back_with_all_its_passages(alice: Person, bob: Person, carol: Person) -> None:
    document = alice.upload("ferry.md", "# Ferry\n\nThe ferry captain is called Ysolde Marrow.")
    path, question = f"/api/v1/documents/{document}", "What is the ferry captain called?"
    assert "Marrow" not in str(bob.ask(question).events)
    assert alice.change("PATCH", path, json={"shared": True, "title": "The ferry.md"}).status_code == 204
    answer = bob.ask(question)
    assert "Marrow" in answer.text
    assert answer.cited[0]["title"] == "The ferry.md"
    assert "Marrow" not in str(carol.ask(question).events)
    assert bob.change("PATCH", path, json={"shared": False}).status_code == 404
    assert bob.post(f"{path}/index").status_code == 404
    assert alice.change("PATCH", path, json={"shared": False}).status_code == 204
    assert "Marrow" not in str(bob.ask(question).events)
    assert document not in bob.get("/api/v1/documents").text


@pytest.mark.parametrize(
    "body",
    [{}, {"title": ""}, {"title": "\u200b"}, {"title": "x" * 201}, {"shared": "yes"}, {"shared": 1}, {"owner_id": "x"},
     {"status": "ready"}, {"title": None}, {"title": "x", "tenant_id": "y"}],
)  # fmt: skip
def test_an_unfit_change_is_refused(alice: Person, body: dict[str, object]) -> None:
    document = alice.upload("still.md", "# Still\n\nNothing happens.")
    assert alice.change("PATCH", f"/api/v1/documents/{document}", json=body).status_code == 422
    assert entry(alice, document)["title"] == "still.md"


def age(stack: Stack, document: str, minutes: int) -> None:
    with connect(stack, "bootstrap") as outside:
        outside.execute(
            "update chatbot.documents set status = 'queued', queued_at = now() - make_interval(mins => %s) where id = %s",
            (minutes, document),
        )


def test_a_document_that_waits_is_not_queued_twice_and_one_that_waited_too_long_says_so(
    alice: Person, stack: Stack
) -> None:
    document = alice.upload("waiting.md", "# Waiting\n\nFor what?")
    path = f"/api/v1/documents/{document}/index"
    age(stack, document, 5)
    assert alice.post(path).status_code == 409
    age(stack, document, 61)
    assert (entry(alice, document)["status"], "waited too long" in entry(alice, document)["problem"]) == (
        "failed",
        True,
    )
    assert alice.post(path).status_code == 202
    assert entry(alice, document)["status"] in ("queued", "ready")


def test_one_person_has_so_much_waiting_and_no_more(bob: Person, alice: Person, stack: Stack) -> None:
    documents = [bob.upload(f"{number}.md", f"# {number}\n\nText.") for number in range(3)]
    with connect(stack, "bootstrap") as outside:
        made = outside.execute(
            "insert into chatbot.documents (tenant_id, owner_id, title, media_type, sha256, size)"
            " select d.tenant_id, d.owner_id, 'x', 'text/plain', sha256('x'), 1 from chatbot.documents d,"
            " generate_series(1, 30) where d.id = %s returning id",
            (documents[0],),
        ).fetchall()
        refused = bob.post("/api/v1/documents", params={"name": "more.md"}, content=b"# More")
        again = bob.post(f"/api/v1/documents/{documents[1]}/index")
        assert (refused.status_code, again.status_code) == (429, 429)
        assert alice.post("/api/v1/documents", params={"name": "other.md"}, content=b"# Other").status_code == 202
        outside.execute("delete from chatbot.documents where id = any(%s)", ([row[0] for row in made],))
    bob.upload("more.md", "# More\n\nText.")


def test_a_colleague_s_documents_hide_nobody_s_own(alice: Person, bob: Person, stack: Stack) -> None:
    own = bob.upload("mine.md", "# Mine\n\nText.")
    theirs = alice.upload("shared.md", "# Shared\n\nText.", shared=True)
    with connect(stack, "bootstrap") as outside:
        made = outside.execute(
            "insert into chatbot.documents (tenant_id, owner_id, shared, title, media_type, sha256, size, status)"
            " select d.tenant_id, d.owner_id, true, 'flood', 'text/plain', sha256('x'), 1, 'ready' from chatbot.documents d,"
            " generate_series(1, 600) where d.id = %s returning id",
            (theirs,),
        ).fetchall()
        listed = bob.get("/api/v1/documents").json()
        assert own in [entry["id"] for entry in listed]
        assert listed[0]["own"] and not listed[-1]["own"]
        outside.execute("delete from chatbot.documents where id = any(%s)", ([row[0] for row in made],))
