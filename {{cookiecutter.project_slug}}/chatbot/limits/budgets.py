"""How much (control api-cost): tokens and money, reserved before the model is called and settled afterwards.

Stops: a bill run up through tokens, by any number of calls at once, from any number of processes. What a call can cost
is bounded before it: a model's tokenizer makes no more tokens than there are bytes, and the answer has a limit. The
bound is charged in the same step that checks the budgets; what was not used is given back. A process that dies gives
nothing back: its calls stay charged at their bound, since the provider may have counted them. Fails closed: without
Valkey no model is called.
"""

import math
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any

from chatbot.config.limits import LimitsSettings, Price
from chatbot.core.errors import Problem, Unavailable
from chatbot.monitoring.refusals import note_refusal

UNKNOWN = "unknown"  # the script's verdict when somebody's own budget is to be kept first


class Scope(StrEnum):
    """Whose budget."""

    USER = "user"
    KEY = "key"
    TENANT = "tenant"
    ALL = "all"


class Window(IntEnum):
    """For how long, in the script's numbers. Days and months are those of UTC."""

    MINUTE = 1
    DAY = 2
    MONTH = 3


class BudgetSpent(Problem):
    """A budget has no room for what the call can cost."""

    status = 429
    title = "The budget is used up"
    kind = "urn:chatbot:budget-used-up"
    code = "insufficient_quota"

    def __init__(self, scope: Scope, window: Window, kind: str, wait: float) -> None:
        whose = {Scope.USER: "Your", Scope.KEY: "This key's", Scope.TENANT: "Your organisation's"}.get(scope, "The")
        super().__init__(
            f"{whose} {kind} for this {window.name.lower()} leave no room for another answer."
            f" Ask again after {_moment(wait)}, or ask an administrator for more."
        )
        self.headers = ((b"retry-after", str(max(1, math.ceil(wait))).encode()),)


class TooManyAnswers(Problem):
    """A person has as many answers under way as they may."""

    status = 429
    title = "Too many answers at once"
    code = "rate_limit_exceeded"
    headers = ((b"retry-after", b"2"),)


@dataclass(frozen=True, slots=True)
class Amount:
    """What a call costs, or can cost. Money is in millionths of the currency's unit."""

    tokens: int = 0
    micros: int = 0

    def __sub__(self, other: "Amount") -> "Amount":
        return Amount(self.tokens - other.tokens, self.micros - other.micros)

    def at_least_nothing(self) -> "Amount":
        """Return the amount without what is negative."""
        return Amount(max(0, self.tokens), max(0, self.micros))

    def at_most(self, other: "Amount") -> "Amount":
        """Return the smaller of each."""
        return Amount(min(self.tokens, other.tokens), min(self.micros, other.micros))


@dataclass(frozen=True, slots=True)
class Buckets:
    """The windows of one moment."""

    minute: int
    day: int
    month: int

    @classmethod
    def at(cls, now: float) -> "Buckets":
        """Return the windows at `now`, in seconds since 1970."""
        day = datetime.fromtimestamp(now, UTC)
        return cls(int(now // 60), int(now // 86400), day.year * 12 + day.month)

    def fields(self) -> dict[str, int]:
        """Return them as the scripts take them."""
        return {"minute": self.minute, "day": self.day, "month": self.month}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be reserved: under which name, how much, in which windows."""

    identifier: str
    amount: Amount
    buckets: Buckets


class Budgets:
    """The budgets and prices of the settings."""

    def __init__(self, settings: LimitsSettings, model: str) -> None:
        self._settings = settings
        self._price = settings.prices.get(model, Price())
        self._limits = [[scope, *_limits(settings, scope)] for scope in Scope]

    def cost(self, prompt_tokens: int, answer_tokens: int) -> Amount:
        """Return tokens and money for a call."""
        money = prompt_tokens * self._price.input + answer_tokens * self._price.output
        return Amount(prompt_tokens + answer_tokens, math.ceil(money))

    def plan(self, amount: Amount, identifier: str = "") -> Plan:
        """Return a reservation of `amount` as of now: a new one, or more of the one called `identifier`."""
        return Plan(identifier or secrets.token_hex(8), amount, Buckets.at(time.time()))

    def ask(self, plan: Plan, *, more: bool = False) -> dict[str, Any]:
        """Return what the script reserves."""
        asked: dict[str, Any] = {
            "id": plan.identifier,
            "tokens": plan.amount.tokens,
            "micros": plan.amount.micros,
            "limits": self._limits,
            **plan.buckets.fields(),
        }
        if not more:
            asked["streams"] = self._settings.most_answers_each
            asked["ends"] = int((time.time() + self._settings.lease_seconds) * 1000)
        return asked

    def limit(self, scope: Scope, window: Window) -> tuple[int, int]:
        """Return tokens and money that a scope may use in a window; -1 for no limit."""
        tokens, money = _limits(self._settings, scope)
        return tokens[window - 1], money[window - 1]


def judge_budget(verdict: Mapping[str, Any]) -> None:
    """Return when the script reserved what was asked. Raises `BudgetSpent`, `TooManyAnswers` or `Unavailable`."""
    if verdict["verdict"] == "streams":
        note_refusal("api-capacity", "answers of one person at once")
        raise TooManyAnswers("Wait until one of your answers has ended.")
    if verdict["verdict"] == "budget":
        scope, window = Scope(verdict["scope"]), Window(int(verdict["window"]))
        note_refusal("api-cost", f"{verdict['kind']} of {scope} per {window.name.lower()}")
        raise BudgetSpent(scope, window, verdict["kind"], seconds_left(window, time.time()))
    if verdict["verdict"] != "ok":  # closed: unknown, or a verdict that only a newer script gives
        raise Unavailable("Your budget is not known just now. Try again in a moment.")


def seconds_left(window: Window, now: float) -> float:
    """Return the seconds until `window` begins anew."""
    day = datetime.fromtimestamp(now, UTC)
    if window is Window.MINUTE:
        return 60 - now % 60
    midnight = day.replace(hour=0, minute=0, second=0, microsecond=0)
    begin = (
        midnight + timedelta(days=1)
        if window is Window.DAY
        else (midnight.replace(day=28) + timedelta(days=4)).replace(day=1)
    )
    return (begin - day).total_seconds()


def _limits(settings: LimitsSettings, scope: Scope) -> tuple[list[int], list[int]]:
    budget = settings.budgets.get(scope.value)
    if budget is None:
        return [-1] * 3, [-1] * 3
    tokens = [getattr(budget.tokens, window.name.lower()) for window in Window]
    money = [getattr(budget.money, window.name.lower()) for window in Window]
    return [-1 if value is None else value for value in tokens], [
        -1 if value is None else round(value * 1_000_000) for value in money
    ]


def _moment(wait: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=wait)).strftime("%H:%M UTC on %d %B")
