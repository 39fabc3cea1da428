"""What a request for an answer is counted and charged, before anything is read (parts of api-rate and api-cost)."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.types import Scope

from chatbot.core.principal import Principal
from chatbot.database.administration import own_budgets
from chatbot.database.engines import Database
from chatbot.gateway.access.client import client_address, client_bucket
from chatbot.gateway.access.rates import RateTable
from chatbot.identity.admission import Admission, Carrier
from chatbot.limits.budgets import UNKNOWN, Budgets, Plan, judge_budget
from chatbot.limits.budgets import Scope as Whose
from chatbot.limits.rates import Rate, judge_rates
from chatbot.limits.scripts import Counters
from chatbot.limits.spending import Payer, Spending
from chatbot.limits.usage import keep_own_month

Find = Callable[[bytes], Awaitable[tuple[Admission | None, dict[str, Any]]]]

# what a question brings along, as a rule: instructions, passages, a short history; more is reserved when it is more
_CONTEXT_BYTES = 12 * 1024
_MOST_BODY_BYTES = 512 * 1024
_UNANNOUNCED_BYTES = 64 * 1024  # a guess: what the prompt then needs beyond it is reserved before the model is called


@dataclass(frozen=True, slots=True)
class Asked:
    """What the script is asked, and what its answer is read by."""

    rows: tuple[Rate, ...]
    plan: Plan | None
    text: bytes


class Charging:
    """Counts, reserves, and puts what came of it into the scope: `rate_headers` and `spending`."""

    def __init__(
        self, counters: Counters, budgets: Budgets, database: Database, rates: RateTable, most_answer_tokens: int
    ) -> None:
        self._counters = counters
        self._budgets = budgets
        self._database = database
        self._rates = rates
        self._most_answer_tokens = most_answer_tokens

    @property
    def refused(self) -> Rate:
        """The row that counts a credential which opened nothing."""
        return self._rates.refused(1)

    def ask(self, scope: Scope, *, credential: str | None = None, reserve: bool = True) -> Asked:
        """Return what to ask for a request; for a program its address was counted before its key was looked at."""
        rows = self._rates.by_person(scope["matched"])
        asked: dict[str, Any] = {}
        if credential is None:
            rows = (*self._rates.by_address(scope["path"], credential=False), *rows)
            asked["address"] = client_bucket(client_address(scope))
        else:
            asked["credential"] = credential
        asked["rates"] = [rate.as_asked() for rate in rows]
        plan = None
        if reserve:
            amount = self._budgets.cost(_announced(scope) + _CONTEXT_BYTES, self._most_answer_tokens)
            plan = self._budgets.plan(amount)
            asked["reserve"] = self._budgets.ask(plan)
        return Asked(tuple(rows), plan, orjson.dumps(asked))

    async def charge(self, scope: Scope, asked: Asked, find: Find) -> Admission | None:
        """Ask by `find`, and return the admission that it found. Raises `RateLimited`, `BudgetSpent`, `TooManyAnswers`.

        The first time in a while that somebody asks, it is kept first whether they have a budget of their own.
        """
        admission, verdict = await find(asked.text)
        if admission is not None and verdict["verdict"] == UNKNOWN:
            await self._keep_own_months(admission.principal)
            admission, verdict = await find(asked.text)
        scope["rate_headers"] = judge_rates(asked.rows, verdict)
        if asked.plan is None or admission is None:
            return admission
        judge_budget(verdict)
        who = admission.principal
        key = None if admission.carrier is Carrier.SESSION else admission.credential
        payer = Payer(str(who.tenant_id), str(who.user_id), key)
        scope["spending"] = Spending(self._counters, self._budgets, payer, asked.plan)
        return admission

    async def charge_program(self, scope: Scope, admission: Admission) -> None:
        """Count and reserve for a program whose credential was found good."""
        asked = self.ask(scope, credential=admission.credential)
        who = admission.principal
        known = orjson.dumps([str(who.tenant_id), str(who.user_id)])

        async def find(text: bytes) -> tuple[Admission, dict[str, Any]]:
            found = await self._counters.gate("", int(time.time() * 1000), 0, known, text)
            return admission, orjson.loads(found[5])

        await self.charge(scope, asked, find)

    async def _keep_own_months(self, who: Principal) -> None:
        async with self._database.acting_for(who) as connection:
            own, tenant = await own_budgets(connection, who)
        for whose, identifier, tokens in ((Whose.USER, who.user_id, own), (Whose.TENANT, who.tenant_id, tenant)):
            await keep_own_month(self._counters, whose, str(identifier), tokens, overwrite=False)


def _announced(scope: Scope) -> int:
    """Return the length that the body says it has, or a guess when it says none."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and len(value) < 12:
            return min(int(value), _MOST_BODY_BYTES)
    return _UNANNOUNCED_BYTES
