"""What each function of a turn asks before it answers, one condition at a time (sql-tenant)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from tests.doubles.tenants import EVERYBODY, VECTOR, Connection, Filled, Person, made_id

MEMBER = Person("member", "acme")
HERE, BESIDE, GONE = made_id("living", MEMBER.mark), UUID(int=77), made_id("deleted", MEMBER.mark)
NEAR, AWAY = "[" + ",".join(["0.05"] * 384) + "]", "[" + ",".join(["-0.05"] * 384) + "]"


@dataclass(frozen=True)
class Turns:
    """A member's conversations: `HERE` with versions, `BESIDE` with one turn of the same words, `GONE` deleted."""

    filled: Filled
    connection: Connection
    context: str

    def ask(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.filled.acting("api", self.context), self.connection.transaction():
            return self.connection.execute(statement, values).fetchall()

    def add(self, conversation: UUID, author: str, content: str, parent: int | None, outcome: str = "complete") -> int:
        row = self.connection.execute(
            "insert into chatbot.messages (tenant_id, user_id, conversation_id, parent_id, author, content, outcome)"
            " values (%s, %s, %s, %s, %s, %s, %s) returning id",
            (MEMBER.tenant_id, MEMBER.id, conversation, parent, author, content, outcome),
        ).fetchone()
        assert row is not None
        return int(row[0])

    def recall(self, place: int, history: int = 9, conversation: UUID = HERE, passages: int = 0) -> list[Any]:
        call = "select history, passages, follows from chatbot.recall_turn(%s, %s, 'canary', %s, %s, %s, %s)"
        return self.ask(call, self.context, conversation, VECTOR, passages, history, place)

    def find(self, conversation: UUID, question: int) -> list[Any]:
        call = "select content, follows from chatbot.find_question(%s, %s, %s)"
        return self.ask(call, self.context, conversation, question)

    def way(self, through: int, most: int = 9, conversation: UUID = HERE) -> list[Any]:
        return self.ask("select id, versions from chatbot.read_way(%s, %s, %s)", conversation, through, most)


@pytest.fixture
def turns(filled: Filled) -> Iterator[Turns]:
    with filled.undone() as connection:
        connection.execute("set local statement_timeout = '10s'")
        connection.execute(
            "insert into chatbot.conversations (id, tenant_id, user_id) values (%s, %s, %s)",
            (BESIDE, MEMBER.tenant_id, MEMBER.id),
        )
        yield Turns(filled, connection, filled.context_of(MEMBER))


@pytest.fixture
def tree(turns: Turns) -> dict[str, int]:
    """`first` → `answer`, `again`; `answer` → `second` → `reply`; `edited` stands beside `first`; `other` is `BESIDE`."""
    made = {mark: turns.filled.bigints[f"living {mark}", MEMBER.mark] for mark in ("user", "assistant")}
    made = {"first": made["user"], "answer": made["assistant"]}
    made["second"] = turns.add(HERE, "user", "second", made["answer"])
    made["reply"] = turns.add(HERE, "assistant", "reply", made["second"])
    made["again"] = turns.add(HERE, "assistant", "again", made["first"])
    made["edited"] = turns.add(HERE, "user", "edited", None)
    made["other"] = turns.add(BESIDE, "user", "other", None)
    made["others"] = turns.add(BESIDE, "assistant", "others", made["other"])
    return made


def test_a_question_is_found_where_it_was_asked_and_nowhere_else(turns: Turns, tree: dict[str, int]) -> None:
    assert turns.find(HERE, tree["first"]) == [(f"user living {MEMBER.mark}", None)]
    assert turns.find(HERE, tree["second"]) == [("second", tree["answer"])]
    assert turns.find(HERE, tree["other"]) == []
    assert turns.find(UUID(int=1), tree["first"]) == []
    assert turns.find(GONE, turns.filled.bigints["deleted user", MEMBER.mark]) == []
    assert turns.find(HERE, tree["answer"]) == []  # an answer is no question


def test_a_conversation_is_read_along_one_way(turns: Turns, tree: dict[str, int]) -> None:
    first, edited = tree["first"], tree["edited"]
    answers = [tree["answer"], tree["again"]]
    assert turns.way(0) == [(edited, [first, edited])]
    whole = [(first, [first, edited]), (tree["answer"], answers)]
    whole += [(tree[mark], [tree[mark]]) for mark in ("second", "reply")]
    assert turns.way(tree["answer"]) == turns.way(tree["reply"]) == whole
    assert turns.way(tree["answer"], most=2) == whole[2:]
    assert turns.way(first) == [(first, [first, edited]), (tree["again"], answers)]  # the latest that follows
    assert turns.way(0, conversation=BESIDE) == [(tree[mark], [tree[mark]]) for mark in ("other", "others")]
    assert turns.way(tree["other"]) == []
    assert turns.way(0, conversation=UUID(int=1)) == []


def test_versions_are_of_one_author(turns: Turns, tree: dict[str, int]) -> None:
    """Nothing writes them so; what a page is told must not depend on it."""
    opening = turns.add(HERE, "assistant", "opening", None)
    follow = turns.add(HERE, "user", "follow", tree["first"])
    assert turns.way(opening) == [(opening, [opening])]
    assert turns.way(follow)[1:] == [(follow, [follow])]
    assert turns.way(tree["again"])[1:] == [(tree["again"], [tree["answer"], tree["again"]])]
    assert turns.way(tree["edited"]) == [(tree["edited"], [tree["first"], tree["edited"]])]


def recalled(rows: list[Any]) -> list[tuple[list[str], int | None]]:
    return [([message["content"] for message in row[0]], row[2]) for row in rows]


def test_a_turn_recalls_the_way_to_its_place(turns: Turns, tree: dict[str, int]) -> None:
    names = [f"user living {MEMBER.mark}", f"assistant living {MEMBER.mark}"]
    assert recalled(turns.recall(0)) == [([], None)]
    assert recalled(turns.recall(tree["reply"])) == [([*names, "second", "reply"], tree["reply"])]
    assert recalled(turns.recall(tree["reply"], history=2)) == [(["second", "reply"], tree["reply"])]
    assert recalled(turns.recall(tree["reply"], history=0)) == [([], tree["reply"])]
    assert recalled(turns.recall(tree["again"])) == [([names[0], "again"], tree["again"])]
    # an unanswered question is another turn's: the new one stands beside it
    assert recalled(turns.recall(-1)) == [([], None)]
    latest = turns.add(HERE, "assistant", "latest", tree["edited"])
    assert recalled(turns.recall(-1)) == [(["edited", "latest"], latest)]
    failed = turns.add(HERE, "assistant", "broken", tree["edited"], "failed")
    assert recalled(turns.recall(-1)) == [(["edited"], failed)]


def test_no_turn_stands_where_nothing_of_one_s_own_is(turns: Turns, tree: dict[str, int]) -> None:
    """The conversation lives and the place lies in it: else there is no row, whatever else was asked."""
    assert turns.recall(tree["other"]) == []
    assert turns.recall(2**40) == []
    for place in (-1, 0, tree["first"]):
        assert turns.recall(place, conversation=UUID(int=1)) == []
        assert turns.recall(place, conversation=GONE) == []
        assert turns.recall(place, conversation=made_id("living", "colleague@acme")) == []


def test_passages_are_those_that_may_be_read_best_first(turns: Turns) -> None:
    readable = [turns.filled.bigints["shared chunk", person.mark] for person in EVERYBODY if person.tenant == "acme"]
    readable = sorted([*readable, turns.filled.bigints["private chunk", MEMBER.mark]])
    assert turns.recall(0)[0][1] == []
    found = turns.recall(0, passages=50)[0][1]
    assert sorted(passage["chunk"] for passage in found) == readable
    assert all(passage["title"].split()[1:] == passage["section"].split()[1:] for passage in found)
    assert len(turns.recall(0, passages=3)[0][1]) == 3
    # of words that stand nowhere nothing comes: the order is that of the meaning alone
    last = readable[-1]
    turns.connection.execute(
        "update chatbot.chunk_vectors set embedding = %s where chunk_id = any (%s)", (AWAY, readable[:-1])
    )
    call = "select chatbot.find_passages(%s, 'zebra', %s, 50)"
    order = [passage["chunk"] for passage in turns.ask(call, turns.context, NEAR)[0][0]]
    assert order == [last, *readable[:-1]]


def test_a_question_is_kept_and_titles_its_own_conversation_once(turns: Turns) -> None:
    call = "select chatbot.store_question(%s, %s, %s, %s, null)"
    titles = "select title from chatbot.conversations where id = %s"
    untitled = UUID(int=78)
    turns.connection.execute(
        "insert into chatbot.conversations (id, tenant_id, user_id) values (%s, %s, %s)",
        (untitled, MEMBER.tenant_id, MEMBER.id),
    )
    turns.ask(call, turns.context, BESIDE, "not the first", False)
    assert turns.ask(titles, BESIDE) == [(None,)]
    (kept,) = turns.ask(call, turns.context, BESIDE, "  What\n is it? ", True)
    assert turns.ask(titles, BESIDE) == [("What is it?",)]
    assert turns.ask(titles, untitled) == [(None,)]
    turns.ask(call, turns.context, BESIDE, "another", True)
    assert turns.ask(titles, BESIDE) == [("What is it?",)]
    row = "select author, content, parent_id, user_id from chatbot.messages where id = %s"
    assert turns.ask(row, kept[0]) == [("user", "  What\n is it? ", None, MEMBER.id)]


def test_an_answer_moves_its_own_conversation_alone(turns: Turns, tree: dict[str, int]) -> None:
    turns.connection.execute("update chatbot.conversations set updated_at = '2000-01-01'")
    call = "select chatbot.finish_turn(%s, %s, 'x', '[]', 'stopped', %s)"
    (kept,) = turns.ask(call, turns.context, HERE, tree["edited"])
    moved = turns.connection.execute("select id from chatbot.conversations where updated_at > '2000-01-01'").fetchall()
    assert moved == [(HERE,)]
    row = "select author, outcome, parent_id, user_id from chatbot.messages where id = %s"
    assert turns.ask(row, kept[0]) == [("assistant", "stopped", tree["edited"], MEMBER.id)]
