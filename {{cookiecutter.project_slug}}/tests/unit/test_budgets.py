"""Budgets in numbers: windows, limits, prices, and how a denial reads (api-cost)."""

from datetime import UTC, datetime
from typing import Any

import pytest

from chatbot.config.limits import LimitsSettings
from chatbot.core.errors import Unavailable
from chatbot.limits.budgets import (
    Amount,
    Buckets,
    Budgets,
    BudgetSpent,
    Scope,
    TooManyAnswers,
    Window,
    judge_budget,
    seconds_left,
)
from chatbot.limits.usage import month_limit


def budgets(prices: dict[str, Any] | None = None, **budget: Any) -> Budgets:
    return Budgets(LimitsSettings(budgets=budget, prices=prices or {}), "m")


def moment(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("now", "minute", "day", "month"),
    [
        ("2027-01-15T08:00:30.5", "2027-01-15T08:01", "2027-01-16", "2027-02-01"),
        ("2027-01-15T00:00", "2027-01-15T00:01", "2027-01-16", "2027-02-01"),
        ("2027-01-31T23:59:59", "2027-02-01", "2027-02-01", "2027-02-01"),
        ("2026-12-31T23:59:59", "2027-01-01", "2027-01-01", "2027-01-01"),
        ("2027-02-28T12:00", "2027-02-28T12:01", "2027-03-01", "2027-03-01"),
        ("2028-02-29T12:00", "2028-02-29T12:01", "2028-03-01", "2028-03-01"),
        ("2027-04-01T00:00", "2027-04-01T00:01", "2027-04-02", "2027-05-01"),
    ],
)
def test_a_window_ends_where_the_next_one_of_utc_begins(now: str, minute: str, day: str, month: str) -> None:
    at = moment(now)
    for window, end in zip(Window, (minute, day, month), strict=True):
        assert seconds_left(window, at) == pytest.approx(moment(end) - at)
        before, after = (Buckets.at(moment(end) - late).fields() for late in (0.001, 0))
        assert after[window.name.lower()] == before[window.name.lower()] + 1


@pytest.mark.parametrize(
    ("scope", "everyone", "own", "limit"),
    [
        (Scope.USER, 1000, None, 1000), (Scope.USER, 1000, 50, 50), (Scope.USER, 1000, 2000, 2000),
        (Scope.USER, 1000, 0, 0), (Scope.USER, 0, 50, 50), (Scope.USER, -1, 50, 50), (Scope.USER, -1, None, -1),
        (Scope.TENANT, 1000, None, 1000), (Scope.TENANT, 1000, 50, 50), (Scope.TENANT, 1000, 2000, 1000),
        (Scope.TENANT, 1000, 0, 0), (Scope.TENANT, 0, 50, 0), (Scope.TENANT, -1, 50, 50), (Scope.TENANT, -1, None, -1),
    ],
)  # fmt: skip
def test_an_override_replaces_a_user_s_default_and_only_lowers_a_tenant_s(
    scope: Scope, everyone: int, own: int | None, limit: int
) -> None:
    assert month_limit(scope, everyone, own) == limit


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("window", Window)
def test_a_limit_of_the_settings_holds_for_its_scope_window_and_kind_alone(scope: Scope, window: Window) -> None:
    for kind, value, expected in (("tokens", 0, (0, -1)), ("tokens", 7, (7, -1)), ("money", 0, (-1, 0)),
                                  ("money", 1.001, (-1, 1_001_000))):  # fmt: skip
        chosen: dict[str, Any] = {each.value: {} for each in Scope} | {
            scope.value: {kind: {window.name.lower(): value}}
        }
        made = budgets(**chosen)
        for each in Scope:
            for during in Window:
                assert made.limit(each, during) == (expected if (each, during) == (scope, window) else (-1, -1))
        asked = {each: (tokens, money) for each, tokens, money in made.ask(made.plan(Amount()))["limits"]}
        assert (asked[scope][0][window - 1], asked[scope][1][window - 1]) == expected


@pytest.mark.parametrize("left_out", Scope)
def test_a_budget_that_is_left_out_has_its_default(left_out: Scope) -> None:
    named: dict[str, Any] = {scope.value: {} for scope in Scope if scope is not left_out}
    for made in (budgets(**named), Budgets(LimitsSettings(), "m")):
        assert made.limit(left_out, Window.DAY)[0] > 0
        assert made.limit(left_out, Window.MONTH)[0] > 0


def test_a_call_costs_what_its_model_costs_and_money_is_rounded_up() -> None:
    priced = budgets({"m": {"input": 2.5, "output": 10}, "other": {"input": 1000}})
    assert priced.cost(1, 0) == Amount(1, 3)
    assert priced.cost(2, 3) == Amount(5, 35)
    assert budgets({"other": {"input": 1000}}).cost(2, 3) == Amount(5, 0)


def test_amounts_are_compared_each_by_its_own() -> None:
    assert (Amount(-1, 2).at_least_nothing(), Amount(1, -2).at_least_nothing()) == (Amount(0, 2), Amount(1, 0))
    assert (Amount(1, 9).at_most(Amount(5, 2)), Amount(5, 2).at_most(Amount(1, 9))) == (Amount(1, 2), Amount(1, 2))


def test_a_reservation_has_a_name_of_its_own_and_more_of_it_has_the_same() -> None:
    made = budgets()
    first, second = made.plan(Amount(1)), made.plan(Amount(1))
    assert len(first.identifier) >= 16
    assert first.identifier != second.identifier
    assert made.plan(Amount(1), first.identifier).identifier == first.identifier
    assert {"streams", "ends"} & made.ask(first).keys() == {"streams", "ends"}
    assert not {"streams", "ends"} & made.ask(first, more=True).keys()


@pytest.mark.parametrize(
    ("scope", "whose"),
    [(Scope.USER, "Your "), (Scope.KEY, "This key's "), (Scope.TENANT, "Your organisation's "), (Scope.ALL, "The ")],
)
@pytest.mark.parametrize("window", Window)
def test_a_denial_says_whose_budget_is_spent_and_when_to_ask_again(scope: Scope, whose: str, window: Window) -> None:
    verdict = {"verdict": "budget", "scope": scope.value, "window": int(window), "kind": "tokens"}
    with pytest.raises(BudgetSpent, match=f"^{whose}tokens for this {window.name.lower()} ") as denied:
        judge_budget(verdict)
    longest = {Window.MINUTE: 60, Window.DAY: 86_400, Window.MONTH: 31 * 86_400}[window]
    assert 1 <= int(dict(denied.value.headers)[b"retry-after"]) <= longest


def test_only_what_was_reserved_passes() -> None:
    judge_budget({"verdict": "ok"})
    for other in ("unknown", "rate", "", None):
        with pytest.raises(Unavailable):
            judge_budget({"verdict": other})
    with pytest.raises(TooManyAnswers):
        judge_budget({"verdict": "streams"})
