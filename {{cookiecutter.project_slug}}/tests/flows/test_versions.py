"""A conversation keeps every version: edited questions and repeated answers stand beside the earlier ones."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from development.stack import Stack
from tests.doubles.database import connect
from tests.doubles.person import Answer, Person, read_events
from tests.doubles.upstream import ScriptedModel

GUIDE = "# Shed\n\nThe green kettle is in the shed. The ladder is behind the shed door. The shed key hangs by the oven."


def post(person: Person, conversation: str, **body: Any) -> Answer:
    response = person.post(f"/api/v1/conversations/{conversation}/turns", json=body)
    assert response.status_code == 200, response.text
    return Answer(conversation, list(read_events(response.text)))


def numbers(answer: Answer) -> tuple[int, int]:
    """Return the message numbers of question and answer."""
    events = dict(answer.events)
    return events["begin"]["question"], events["end"]["answer"]


def messages(person: Person, conversation: str) -> dict[int, dict[str, Any]]:
    """Return every version of every message, by number."""
    kept = person.get(f"/api/v1/conversations/{conversation}/export", params={"format": "json"}).json()["messages"]
    return {message["id"]: message for message in kept}


def way(person: Person, conversation: str, through: int = 0) -> list[tuple[int, list[int]]]:
    """Return what the page shows: numbers and versions."""
    shown = person.get(f"/api/v1/conversations/{conversation}", params={"through": through})
    assert shown.status_code == 200, shown.text
    return [(message["id"], message["versions"]) for message in shown.json()["messages"]]


@pytest.fixture
def anna(model_stack: Stack, model: ScriptedModel, person: Callable[..., Person]) -> Person:
    model.reset()
    return person("alice", model_stack)


@pytest.fixture
def shed(alice: Person) -> str:
    alice.upload("shed.md", GUIDE)
    return alice.begin()


def test_a_conversation_goes_on_from_its_latest_message(alice: Person, shed: str) -> None:
    first, second = (
        numbers(post(alice, shed, question=text)) for text in ("Where is the green kettle?", "And the ladder?")
    )
    kept = messages(alice, shed)
    assert [kept[n]["parent"] for n in (*first, *second)] == [None, first[0], first[1], second[0]]


def test_an_edited_question_stands_beside_the_first_and_knows_nothing_of_what_followed(
    anna: Person, model: ScriptedModel
) -> None:
    conversation = anna.begin()
    first = numbers(post(anna, conversation, question="one"))
    second = numbers(post(anna, conversation, question="two"))
    edited = post(anna, conversation, question="two, edited", parent=first[1])
    heard = [message["content"] for message in model.requests[-1]["messages"]]
    assert heard[1:3] == ["one", "Hello."] and "two, edited" in heard[3] and "two" not in heard
    assert dict(edited.events)["begin"]["parent"] == first[1]
    kept = messages(anna, conversation)
    assert [m["id"] for m in kept.values() if m["parent"] == first[1]] == [second[0], numbers(edited)[0]]
    post(anna, conversation, question="another beginning", parent=None)
    assert [message["role"] for message in model.requests[-1]["messages"]] == ["system", "user"]
    assert [m["text"] for m in messages(anna, conversation).values() if m["parent"] is None] == [
        "one",
        "another beginning",
    ]


def test_an_answer_is_repeated_beside_the_first_without_its_question_being_asked_twice(
    anna: Person, model: ScriptedModel
) -> None:
    conversation = anna.begin()
    first = numbers(post(anna, conversation, question="Say something."))
    before = model.requests[-1]["messages"]
    model.pieces = ["Goodbye."]
    again = post(anna, conversation, again=first[0])
    assert again.text == "Goodbye."
    assert numbers(again)[0] == first[0]
    heard = model.requests[-1]["messages"]
    assert [len(message["content"]) for message in heard] == [
        len(message["content"]) for message in before
    ]  # the first answer is not part of what it answers
    kept = messages(anna, conversation)
    assert [kept[n]["parent"] for n in (first[1], numbers(again)[1])] == [first[0], first[0]]
    # the latest version goes on
    post(anna, conversation, question="And then?")
    assert [message["content"] for message in model.requests[-1]["messages"]][1:3] == ["Say something.", "Goodbye."]
    post(anna, conversation, question="And then?", parent=first[1])
    assert [message["content"] for message in model.requests[-1]["messages"]][1:3] == ["Say something.", "Hello."]


def test_an_export_holds_the_latest_version_for_people_and_all_for_machines(alice: Person, shed: str) -> None:
    first = numbers(post(alice, shed, question="Where is the green kettle?"))
    post(alice, shed, question="Where is the ladder?", parent=None)
    post(alice, shed, question="Where does the shed key hang?", parent=None)
    path = f"/api/v1/conversations/{shed}/export"
    markdown = alice.get(path, params={"format": "markdown"}).text
    assert "> Where does the shed key hang?" in markdown and "> Where is the" not in markdown
    kept = alice.get(path, params={"format": "json"}).json()["messages"]
    assert [message["parent"] for message in kept][:2] == [None, first[0]] and len(kept) == 6


@pytest.mark.parametrize(
    "body",
    [{"question": "x", "parent": "1"}, {"question": "x", "parent": 0}, {"question": "x", "parent": -1},
     {"question": "x", "parent": True}, {"question": "x", "parent": 2**63}, {"question": "x", "parent": 1.0},
     {"again": None}, {"again": "1"}, {"again": 1, "parent": 1}, {"again": 1, "question": "x"}, {"again": []}, {}],
)  # fmt: skip
def test_an_unfit_place_is_refused(alice: Person, shed: str, body: dict[str, Any]) -> None:
    assert alice.post(f"/api/v1/conversations/{shed}/turns", json=body).status_code == 422


def test_no_message_of_another_conversation_or_person_is_a_place_here(alice: Person, bob: Person, shed: str) -> None:
    own = numbers(post(alice, shed, question="Where is the green kettle?"))
    theirs, other = bob.begin(), alice.begin()
    foreign = numbers(post(bob, theirs, question="My own secret question?"))
    for conversation in (shed, other):
        for number in (*foreign, 2**62, *(own if conversation == other else ())):
            for body in ({"question": "x", "parent": number}, {"again": number}):
                refused = alice.post(f"/api/v1/conversations/{conversation}/turns", json=body)
                assert refused.status_code == 404, (body, refused.text)
                assert "secret" not in refused.text
    # an answer is no question
    assert alice.post(f"/api/v1/conversations/{shed}/turns", json={"again": own[1]}).status_code == 404
    assert len(messages(alice, shed)) == 2


def test_the_page_is_given_one_way_and_the_numbers_of_the_others(anna: Person, model: ScriptedModel) -> None:
    conversation = anna.begin()
    q1, a1 = numbers(post(anna, conversation, question="one"))
    q2, a2 = numbers(post(anna, conversation, question="two"))
    q3, a3 = numbers(post(anna, conversation, question="two, edited", parent=a1))
    _, a4 = numbers(post(anna, conversation, again=q3))
    q5, a5 = numbers(post(anna, conversation, question="another beginning", parent=None))
    assert way(anna, conversation) == [(q5, [q1, q5]), (a5, [a5])]
    assert way(anna, conversation, q1) == [(q1, [q1, q5]), (a1, [a1]), (q3, [q2, q3]), (a4, [a3, a4])]
    assert way(anna, conversation, a3) == [(q1, [q1, q5]), (a1, [a1]), (q3, [q2, q3]), (a3, [a3, a4])]
    assert way(anna, conversation, q2)[-1] == (a2, [a2])
    path = f"/api/v1/conversations/{conversation}"
    assert anna.get(path, params={"through": 2**62}).status_code == 404
    for wrong in ("-1", "x", str(2**63), ""):
        assert anna.get(path, params={"through": wrong}).status_code == 422


def test_a_long_conversation_shows_its_end_and_exports_its_beginning(
    anna: Person, stack: Stack, model_stack: Stack
) -> None:
    conversation = anna.begin()
    first, _ = numbers(post(anna, conversation, question="The very first question"))
    with connect(model_stack, "bootstrap") as outside:
        outside.execute(
            "do $$ declare last record; begin for n in 1..600 loop"
            f" select * into last from chatbot.messages where conversation_id = '{conversation}' order by id desc limit 1;"
            " insert into chatbot.messages (tenant_id, user_id, conversation_id, parent_id, author, content)"
            "  values (last.tenant_id, last.user_id, last.conversation_id, last.id,"
            "          case last.author when 'user' then 'assistant' else 'user' end, 'message ' || n); end loop; end $$"
        )
    shown = way(anna, conversation)
    assert len(shown) == 200 and first not in dict(shown)
    exported = anna.get(f"/api/v1/conversations/{conversation}/export", params={"format": "markdown"}).text
    assert "The very first question" in exported and "message 600" in exported
    assert len(messages(anna, conversation)) == 602


def test_leaving_at_the_very_end_keeps_the_answer_once(anna: Person, model: ScriptedModel, model_stack: Stack) -> None:
    """The reader hangs up while the answer is being stored: it is neither lost nor stored twice."""
    conversation = anna.begin()
    headers = {"origin": model_stack.url, "x-csrf-token": anna.csrf, "content-type": "application/json"}
    headers["cookie"] = "; ".join(f"{name}={value}" for name, value in anna.cookies.items())
    for number in range(40):
        with httpx2.Client(base_url=model_stack.url, trust_env=False) as client:
            body = json.dumps({"question": f"q{number}", "parent": None})
            path = f"/api/v1/conversations/{conversation}/turns"
            with client.stream("POST", path, content=body, headers=headers) as answer:
                for piece in answer.iter_raw():
                    if b'"done"' in piece or b"event: end" in piece:
                        break  # leaving closes the connection
    numbers(post(anna, conversation, question="last"))  # the server is through with all the others
    kept = messages(anna, conversation).values()
    answers = Counter(message["parent"] for message in kept if message["author"] == "assistant")
    assert not [parent for parent, count in answers.items() if count > 1]


def test_a_turn_beside_one_that_is_under_way_becomes_a_version_of_it(anna: Person, model: ScriptedModel) -> None:
    conversation = anna.begin()
    _, a1 = numbers(post(anna, conversation, question="one"))
    reached, release = threading.Event(), threading.Event()

    def wait(handler: Any) -> None:
        reached.set()
        release.wait(20)
        model.stream(handler)

    model.behave = wait
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(post, anna, conversation, question="slow")
        assert reached.wait(20)
        model.behave = None
        end = time.monotonic() + 20
        while len(way(anna, conversation)) < 3 and time.monotonic() < end:
            time.sleep(0.02)  # until the slow question is kept: polling a server's state
        quick = numbers(post(anna, conversation, question="quick"))
        release.set()
        other = numbers(slow.result())
    assert way(anna, conversation, quick[0])[2:] == [(quick[0], [other[0], quick[0]]), (quick[1], [quick[1]])]
    assert way(anna, conversation, other[0])[2:] == [(other[0], [other[0], quick[0]]), (other[1], [other[1]])]
    assert messages(anna, conversation)[quick[0]]["parent"] == a1
