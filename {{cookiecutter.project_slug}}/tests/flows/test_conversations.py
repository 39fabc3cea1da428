"""Conversations after they were had: searched, named, filed, exported, deleted and brought back."""

import json

import pytest

from development.stack import Stack
from tests.doubles.database import connect
from tests.doubles.person import Person

GUIDE = "# Attic\n\n## Trunk\n\nThe trunk in the attic holds the winter curtains and a brass telescope."


def entries(person: Person, **query: str) -> list[dict[str, str]]:
    response = person.get("/api/v1/conversations", params=query)
    assert response.status_code == 200, response.text
    listed: list[dict[str, str]] = response.json()
    return listed


@pytest.fixture
def attic(alice: Person) -> str:
    alice.upload("attic.md", GUIDE)
    return alice.ask("What does the trunk in the attic hold?").conversation


def test_a_search_finds_words_of_question_answer_and_title(alice: Person, attic: str) -> None:
    alice.ask("Something else altogether?")
    for words in ("telescope", "BRASS tele", "trunk attic", "ａttic", "curtains winter"):
        found = entries(alice, search=words)
        assert attic in [entry["id"] for entry in found], words
        assert all("Something else" not in entry["title"] for entry in found)
    (entry,) = [entry for entry in entries(alice, search="telescope") if entry["id"] == attic]
    assert "brass telescope" in entry["snippet"]
    assert entries(alice, search="no-such-word-anywhere") == []
    assert len(entries(alice, search="  ")) == len(entries(alice))


@pytest.mark.parametrize("words", ["%", "_", "\\", "' OR 1=1 --", "a & b | !c", "(", "*", "\u202e", "x" * 200])
def test_a_search_takes_every_character_as_itself(alice: Person, attic: str, words: str) -> None:
    assert attic not in [entry["id"] for entry in entries(alice, search=words)]


def test_an_overlong_or_unknown_question_to_the_list_is_refused(alice: Person) -> None:
    assert alice.get("/api/v1/conversations", params={"search": "x" * 201}).status_code == 422
    assert alice.get("/api/v1/conversations", params={"user_id": "x"}).status_code == 422


def test_a_conversation_is_renamed_and_filed_and_taken_out_again(alice: Person, attic: str) -> None:
    path = f"/api/v1/conversations/{attic}"
    changed = alice.change("PATCH", path, json={"title": "  The trunk\u202e\n ", "folder": "House"})
    assert (changed.status_code, changed.json()["title"], changed.json()["folder"]) == (200, "The trunk", "House")
    (entry,) = [entry for entry in entries(alice) if entry["id"] == attic]
    assert (entry["title"], entry["folder"]) == ("The trunk", "House")
    assert alice.change("PATCH", path, json={"folder": ""}).json()["folder"] is None
    assert alice.get(path).json()["title"] == "The trunk"


@pytest.mark.parametrize(
    "body",
    [{}, {"title": ""}, {"title": " \u200b "}, {"title": None}, {"title": "x" * 121}, {"folder": "x" * 61}, {"title": 1},
     {"title": "x", "user_id": "y"}, {"title": "x", "deleted_at": None}, {"updated_at": "2020-01-01"}],
)  # fmt: skip
def test_an_unfit_change_is_refused_and_changes_nothing(alice: Person, attic: str, body: dict[str, object]) -> None:
    before = alice.get(f"/api/v1/conversations/{attic}").json()["title"]
    assert alice.change("PATCH", f"/api/v1/conversations/{attic}", json=body).status_code == 422
    assert alice.get(f"/api/v1/conversations/{attic}").json()["title"] == before


def test_a_deleted_conversation_is_gone_everywhere_and_comes_back_whole(alice: Person, attic: str) -> None:
    path = f"/api/v1/conversations/{attic}"
    before = alice.get(path).json()
    assert alice.post(f"{path}/restore").status_code == 404  # nothing to undo
    assert alice.change("DELETE", path).status_code == 204
    for response in (
        alice.get(path), alice.change("DELETE", path), alice.change("PATCH", path, json={"title": "x"}),
        alice.get(f"{path}/export", params={"format": "json"}), alice.post(f"{path}/turns", json={"question": "Still there?"}),
    ):  # fmt: skip
        assert response.status_code == 404
    assert attic not in str(entries(alice)) + str(entries(alice, search="telescope"))
    assert alice.post(f"{path}/restore").status_code == 204
    assert alice.get(path).json() == before


def test_what_was_deleted_long_ago_is_removed_for_good(alice: Person, attic: str, stack: Stack) -> None:
    path = f"/api/v1/conversations/{attic}"
    assert alice.change("DELETE", path).status_code == 204
    with connect(stack, "bootstrap") as outside:
        outside.execute(
            "update chatbot.conversations set deleted_at = now() - interval '11 minutes' where id = %s", (attic,)
        )
        assert alice.post(f"{path}/restore").status_code == 404
        other = alice.ask("Another?").conversation
        alice.change("DELETE", f"/api/v1/conversations/{other}")
        for table, column in (("conversations", "id"), ("messages", "conversation_id")):
            left = outside.execute(f"select count(*) from chatbot.{table} where {column} = %s", (attic,)).fetchone()
            assert left == (0,)


def test_an_export_holds_everything_that_was_said(alice: Person, attic: str) -> None:
    path = f"/api/v1/conversations/{attic}/export"
    markdown = alice.get(path, params={"format": "markdown"})
    assert markdown.headers["content-type"] == "text/markdown; charset=utf-8"
    assert markdown.headers["content-disposition"] == f'attachment; filename="conversation-{attic[:8]}.md"'
    for part in (
        "# What does the trunk",
        "> What does the trunk in the attic hold?",
        "brass telescope",
        "[1] attic.md — Attic › Trunk",
    ):
        assert part in markdown.text
    kept = json.loads(alice.get(path, params={"format": "json"}).text)
    assert [message["author"] for message in kept["messages"]] == ["user", "assistant"]
    assert kept["messages"][1]["citations"][0]["title"] == "attic.md"
    for wrong in ({}, {"format": "html"}, {"format": ["json", "x"]}):
        assert alice.get(path, params=wrong).status_code == 422
