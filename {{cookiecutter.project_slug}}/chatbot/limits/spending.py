"""What one answer costs, from its first reservation to its settlement (part of control api-cost)."""

import logging
import time
from dataclasses import dataclass
from typing import Any

import orjson

from chatbot.core.errors import Problem
from chatbot.limits.budgets import Amount, Budgets, Plan, Scope, judge_budget
from chatbot.limits.scripts import Counters

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Payer:
    """Whose budgets are charged. `credential` names an API key or a token; None for a session."""

    tenant: str
    user: str
    credential: str | None = None

    def scopes(self) -> list[tuple[str, str]]:
        """Return every budget that is charged, with whose it is."""
        keyed = [(Scope.KEY.value, self.credential)] if self.credential else []
        return [(Scope.USER, self.user), *keyed, (Scope.TENANT, self.tenant), (Scope.ALL, "all")]


class Spending:
    """A reservation. What was used of it is noted; `settle` gives the rest back, once."""

    def __init__(self, counters: Counters, budgets: Budgets, payer: Payer, plan: Plan) -> None:
        self._counters = counters
        self._budgets = budgets
        self._payer = payer
        self._plans = [plan]
        self._settled = False
        self.prompt_tokens = 0
        self.answer_tokens = 0

    @property
    def used(self) -> Amount:
        """What was used so far."""
        return self._budgets.cost(self.prompt_tokens, self.answer_tokens)

    async def cover(self, prompt_tokens: int, answer_tokens: int) -> None:
        """Make sure that the reservation covers another call. Raises `BudgetSpent`, or `Unavailable` without Valkey."""
        needed = self._budgets.cost(self.prompt_tokens + prompt_tokens, self.answer_tokens + answer_tokens)
        missing = (needed - self._reserved()).at_least_nothing()
        if missing == Amount():
            return
        plan = self._budgets.plan(missing, self._plans[0].identifier)
        asked = {"rates": [], "reserve": self._budgets.ask(plan, more=True)}
        if self._payer.credential is not None:
            asked["credential"] = self._payer.credential
        known = orjson.dumps([self._payer.tenant, self._payer.user])
        found = await self._counters.gate("", int(time.time() * 1000), 0, known, orjson.dumps(asked))
        judge_budget(orjson.loads(found[5]))
        self._plans.append(plan)

    def note(self, prompt_tokens: int, answer_tokens: int) -> None:
        """Note what a call has used."""
        self.prompt_tokens += prompt_tokens
        self.answer_tokens += answer_tokens

    async def settle(self) -> None:
        """Charge what was used instead of what was reserved. Without Valkey the reservation stays charged: closed."""
        if self._settled:
            return
        self._settled = True
        rest = self._reserved() - self.used
        for plan in reversed(self._plans):
            back = rest if plan is self._plans[0] else rest.at_most(plan.amount)
            rest -= back
            try:
                await self._counters.settle(self._settlement(plan, back))
            except Problem:
                _log.warning("a reservation stays charged: it could not be settled", extra={"id": plan.identifier})

    def _settlement(self, plan: Plan, back: Amount) -> dict[str, Any]:
        return {
            "id": plan.identifier,
            "user": self._payer.user,
            "scopes": self._payer.scopes(),
            "tokens": -back.tokens,
            "micros": -back.micros,
            **plan.buckets.fields(),
        }

    def _reserved(self) -> Amount:
        return Amount(sum(plan.amount.tokens for plan in self._plans), sum(plan.amount.micros for plan in self._plans))
