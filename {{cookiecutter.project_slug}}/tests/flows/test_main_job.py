"""The main job, end to end: sign in, upload, ask, open the source, find the conversation again."""

from tests.doubles.person import Person

GUIDE = """# Garden guide

## Watering

The greenhouse is watered at six in the morning by Mister Pelham. Tomatoes get two litres each.

## Tools

Borrowed tools go back to the red shed before Friday noon.
"""


def test_a_question_about_an_own_document_is_answered_with_its_passage(alice: Person) -> None:
    document = alice.upload("guide.md", GUIDE)
    answer = alice.ask("When is the greenhouse watered?")
    assert "six in the morning" in answer.text
    assert next(name for name, _ in answer.events) == "begin"
    assert [name for name, _ in answer.events][-1] == "end"
    (source,) = answer.cited
    assert (source["document"], source["section"]) == (document, "Garden guide › Watering")
    passage = alice.get(f"/api/v1/documents/{source['document']}/passages/{source['chunk']}").json()
    assert "The greenhouse is watered at six" in passage["content"]


def test_the_assistant_abstains_when_the_documents_do_not_say(alice: Person) -> None:
    alice.upload("guide.md", GUIDE)
    answer = alice.ask("What is the boiling point of mercury?")
    assert "could not find" in answer.text
    assert not answer.cited


def test_the_conversation_is_kept_and_listed_and_rendered_as_it_was_streamed(alice: Person) -> None:
    alice.upload("guide.md", GUIDE)
    answer = alice.ask("Where do borrowed tools go back to?")
    listed = alice.get("/api/v1/conversations").json()
    assert listed[0]["id"] == answer.conversation
    assert listed[0]["title"] == "Where do borrowed tools go back to?"
    shown = alice.get(f"/api/v1/conversations/{answer.conversation}").json()
    question, kept = shown["messages"]
    assert question["text"] == "Where do borrowed tools go back to?"
    assert kept["nodes"] == answer.nodes
    assert kept["outcome"] == "complete"


def test_a_second_turn_remembers_the_first(alice: Person) -> None:
    answer = alice.ask("Where do borrowed tools go?")
    alice.ask("And when?", answer.conversation)
    shown = alice.get(f"/api/v1/conversations/{answer.conversation}").json()
    assert [message["author"] for message in shown["messages"]] == ["user", "assistant", "user", "assistant"]


def test_a_shared_document_answers_a_colleague(alice: Person, bob: Person) -> None:
    alice.upload("sauna.md", "# Sauna\n\nThe sauna code is whispering-walrus.", shared=True)
    assert "whispering-walrus" in bob.ask("What is the sauna code?").text


def test_deleting_a_document_ends_its_answers(alice: Person) -> None:
    document = alice.upload("secret.md", "# Drawer\n\nThe drawer's combination is nine four nine.")
    cited = alice.ask("What is the drawer's combination?").cited[0]
    assert alice.change("DELETE", f"/api/v1/documents/{document}").status_code == 204
    assert "nine four nine" not in alice.ask("What is the drawer's combination?").text
    assert alice.get(f"/api/v1/documents/{document}/passages/{cited['chunk']}").status_code == 404


def test_deleting_a_conversation_removes_it(alice: Person) -> None:
    answer = alice.ask("Anything?")
    assert alice.change("DELETE", f"/api/v1/conversations/{answer.conversation}").status_code == 204
    assert alice.get(f"/api/v1/conversations/{answer.conversation}").status_code == 404


def test_the_main_job_leaves_no_error_in_any_log(alice: Person) -> None:
    logs = sorted(alice.stack.places.logs.glob("*.log"))
    before = {log: log.stat().st_size for log in logs}
    alice.upload("guide.md", GUIDE)
    alice.ask("When is the greenhouse watered?")
    alice.change("DELETE", "/api/v1/session")
    assert {log.name for log in logs} >= {"gateway.log", "worker.log", "database.log", "state.log"}
    for log in logs:
        written = log.read_text()[before[log] :].lower()
        for word in ("error", "traceback", "warning", "fault", "fatal"):
            assert word not in written, f"{log.name}: {written}"
