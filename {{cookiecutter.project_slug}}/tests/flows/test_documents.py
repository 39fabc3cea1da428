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


def test_a_broken_table_fails_with_what_to_do_and_can_be_read_again(alice: Person) -> None:
    response = alice.post("/api/v1/documents", params={"name": "broken.csv"}, content=b'a,b\n"x"y,2\n')
    found = wait_until_read(alice, response.json()["id"])
    assert (found["status"], "check its quotes" in found["problem"]) == ("failed", True)
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
