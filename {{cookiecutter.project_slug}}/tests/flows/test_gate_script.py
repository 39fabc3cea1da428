"""The script of a request, one condition at a time: who is counted, what is refused first (api-rate, api-cost)."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from chatbot.limits.scripts import _GATE
from development.stack import Stack

NOW = 1_800_000_000_000  # a Friday, at the beginning of a minute


class Script:
    """Calls the script as the gateway does, for a tenant and a user that nobody else is."""

    def __init__(self, stack: Stack) -> None:
        self.gateway = stack.state.connect("gateway")
        self.everything = stack.state.connect()
        self.tenant, self.user, self.address = (uuid4().hex for _ in range(3))
        self.buckets = {"minute": 1, "day": 1, "month": 1}

    def ask(self, *, rates: Any = (), reserve: Any = None, known: bool = True, now: int = NOW, **asked: Any) -> Any:
        """Return the verdict, of a caller who is known or of a session that does not exist."""
        asked = {"address": self.address, "rates": list(rates), **asked}
        if reserve is not None:
            asked["reserve"] = reserve
        who = json.dumps([self.tenant, self.user]) if known else ""
        keys = [] if known else [f"session:{uuid4().hex}"]
        found: Any = self.gateway.evalsha(_GATE, len(keys), *keys, now, 60, who, json.dumps(asked))
        return json.loads(found[5])

    def reserve(self, tokens: int, limits: Any, **changed: Any) -> dict[str, Any]:
        return {"id": uuid4().hex, "tokens": tokens, "micros": tokens, "limits": limits, **self.buckets, **changed}

    def own(self, scope: str, tokens: str = "") -> None:
        identifier = {"user": self.user, "tenant": self.tenant}[scope]
        self.everything.hset(f"budget:{scope}:{identifier}", "own", tokens)

    def count(self, by: str, who: str, name: str) -> int:
        return int(self.everything.hget(f"rate:{by}:{who}:{name}", "count") or 0)


@pytest.fixture
def script(stack: Stack) -> Iterator[Script]:
    made = Script(stack)
    yield made
    made.gateway.close()
    made.everything.close()


def row(by: str, name: str = "x", limit: int = 9, window: int = 60_000, cost: int = 1) -> list[Any]:
    return [by, name, limit, window, cost]


def test_person_and_address_are_counted_each_by_their_own(script: Script) -> None:
    script.ask(rates=[row("address"), row("person")])
    assert script.count("address", script.address, "x") == script.count("person", script.user, "x") == 1
    script.ask(rates=[row("person"), row("person", "y")], address=uuid4().hex)
    assert script.count("person", script.user, "x") == 2
    assert script.count("address", script.address, "x") == 1


def test_without_a_session_addresses_alone_are_counted_and_nothing_is_reserved(script: Script) -> None:
    verdict = script.ask(
        rates=[row("address"), row("person", script.user)],
        reserve=script.reserve(1, [["user", [-1] * 3, [-1] * 3], ["all", [-1] * 3, [-1] * 3]], streams=1, ends=NOW + 1),
        known=False,
    )
    assert (verdict["verdict"], len(verdict["left"])) == ("ok", 1)
    assert script.count("address", script.address, "x") == 1
    assert not script.everything.exists(f"rate:person::{script.user}", "open:", "budget:user:")


def test_what_was_counted_two_windows_ago_is_forgotten(script: Script) -> None:
    for _ in range(9):
        assert script.ask(rates=[row("person")])["verdict"] == "ok"
    assert script.ask(rates=[row("person")])["verdict"] == "rate"
    later = script.ask(rates=[row("person")], now=NOW + 2 * 60_000)
    assert (later["verdict"], later["left"][0][0]) == ("ok", 8)


def test_a_counter_outlives_the_window_in_which_it_still_counts(script: Script) -> None:
    script.ask(rates=[row("person")])
    assert 60_000 < script.everything.pttl(f"rate:person:{script.user}:x") <= 120_000


def test_of_two_full_rows_the_first_is_named_and_nothing_is_left(script: Script) -> None:
    rates = [row("person", "a", 1), row("person", "b", 1)]
    assert script.ask(rates=rates)["verdict"] == "ok"
    refused = script.ask(rates=rates)
    assert (refused["verdict"], refused["at"]) == ("rate", 0)
    assert [left for left, _ in refused["left"]] == [0, 0]


def test_one_who_asks_too_often_is_told_that_and_reserves_nothing(script: Script) -> None:
    full = [row("person", "a", 1)]
    assert script.ask(rates=full)["verdict"] == "ok"
    spent = script.reserve(2, [["all", [1, 1, 1], [-1] * 3]])
    busy = spent | {"streams": 0, "ends": NOW + 1}
    assert script.ask(rates=full, reserve=spent)["verdict"] == script.ask(rates=full, reserve=busy)["verdict"] == "rate"
    assert (script.ask(reserve=spent)["verdict"], script.ask(reserve=busy)["verdict"]) == ("budget", "streams")


def test_a_month_of_one_s_own_changes_no_other_window(script: Script) -> None:
    script.own("user", "1000")
    limited = [["user", [10, -1, -1], [-1] * 3]]
    assert script.ask(reserve=script.reserve(10, limited))["verdict"] == "ok"
    refused = script.ask(reserve=script.reserve(1, limited))
    assert (refused["verdict"], refused["window"]) == ("budget", 1)
    script.own("user", "20")
    assert script.ask(reserve=script.reserve(10, limited, minute=2))["verdict"] == "ok"
    refused = script.ask(reserve=script.reserve(1, limited, minute=3))
    assert (refused["verdict"], refused["window"]) == ("budget", 3)


def test_of_two_spent_budgets_the_first_is_named(script: Script) -> None:
    script.own("user")
    script.own("tenant")
    spent = [[scope, [1, -1, -1], [-1] * 3] for scope in ("user", "tenant")]
    refused = script.ask(reserve=script.reserve(2, spent))
    assert (refused["verdict"], refused["scope"]) == ("budget", "user")


def test_a_limit_of_no_money_lets_nothing_be_spent_and_what_is_free_go_on(script: Script) -> None:
    nothing = [["all", [-1] * 3, [-1, -1, 0]]]
    refused = script.ask(reserve=script.reserve(1, nothing))
    assert (refused["verdict"], refused["kind"]) == ("budget", "money")
    assert script.ask(reserve=script.reserve(1, nothing, micros=0))["verdict"] == "ok"
