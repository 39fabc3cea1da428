"""Rates and budgets at the script's own seam, against the real Valkey (api-rate, api-cost, api-capacity)."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from uuid import uuid4

import orjson
import pytest
from redis.asyncio import BlockingConnectionPool, Redis, UnixDomainSocketConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoPermissionError

from chatbot.config.limits import LimitsSettings
from chatbot.core.errors import Unavailable
from chatbot.limits.budgets import Amount, Budgets, BudgetSpent, Scope, TooManyAnswers, Window, judge_budget
from chatbot.limits.limiter import AsyncLimiter
from chatbot.limits.rates import By, Rate, RateLimited, judge_rates
from chatbot.limits.scripts import Counters
from chatbot.limits.spending import Payer, Spending
from chatbot.limits.usage import keep_own_month, month_limit, read_usage
from development.stack import Stack

MODEL = "m"
PRICES = {MODEL: {"input": 2.5, "output": 10}}


@pytest.fixture
def counting(stack: Stack) -> Callable[..., Any]:
    """Return a function that runs an action on counters connected as the gateway."""

    def run(action: Callable[[Counters], Awaitable[Any]]) -> Any:
        async def inside() -> Any:
            pool = BlockingConnectionPool(
                connection_class=UnixDomainSocketConnection,
                path=str(stack.state.socket),
                username="gateway",
                password=stack.secrets["valkey_gateway_password"],
                max_connections=16,
            )
            valkey: Any = Redis(connection_pool=pool)
            try:
                return await action(Counters(valkey))
            finally:
                await valkey.aclose()
                await pool.disconnect()

        return asyncio.run(inside())

    return run


def budgets(settings: dict[str, Any] | None = None, **budget: Any) -> Budgets:
    """Return budgets in which only what is given has a limit."""
    chosen = {scope: {} for scope in ("user", "key", "tenant", "all")} | budget
    return Budgets(LimitsSettings(budgets=chosen, prices=PRICES, **(settings or {})), MODEL)


class Caller:
    """Somebody whose budgets nobody else uses."""

    def __init__(self, counters: Counters, chosen: Budgets, tenant: str = "", credential: str | None = None) -> None:
        self.counters, self.budgets = counters, chosen
        self.payer = Payer(tenant or str(uuid4()), str(uuid4()), credential)

    async def reserve(self, amount: Amount, now: float | None = None) -> Spending:
        for scope, identifier in self.payer.scopes():
            if scope in (Scope.USER, Scope.TENANT):
                await keep_own_month(self.counters, Scope(scope), identifier, None, overwrite=False)
        return await self.reserve_unknown(amount, now)

    async def reserve_unknown(self, amount: Amount, now: float | None = None) -> Spending:
        plan = self.budgets.plan(amount)
        asked: dict[str, Any] = {"rates": [], "reserve": self.budgets.ask(plan)}
        if self.payer.credential:
            asked["credential"] = self.payer.credential
        known = orjson.dumps([self.payer.tenant, self.payer.user])
        found = await self.counters.gate("", int((now or time.time()) * 1000), 0, known, orjson.dumps(asked))
        judge_budget(orjson.loads(found[5]))
        return Spending(self.counters, self.budgets, self.payer, plan)

    async def used(self, scope: Scope = Scope.USER, window: Window = Window.MONTH) -> Amount:
        identifier = dict(self.payer.scopes())[scope]
        plan = self.budgets.plan(Amount())
        return (await read_usage(self.counters, scope, identifier, plan.buckets))[window]


# budgets


def test_what_is_reserved_is_charged_and_what_is_not_used_comes_back(counting: Callable[..., Any]) -> None:
    async def action(counters: Counters) -> None:
        caller = Caller(counters, budgets(user={"tokens": {"month": 1000}}))
        spending = await caller.reserve(Amount(600, 3))
        assert await caller.used() == Amount(600, 3)
        with pytest.raises(BudgetSpent, match="tokens for this month"):
            await caller.reserve(Amount(401))
        spending.note(100, 20)
        await spending.settle()
        await spending.settle()  # once
        for scope in (Scope.USER, Scope.TENANT):
            for window in Window:
                assert await caller.used(scope, window) == Amount(120, 450)  # 100 at 2.5, 20 at 10 millionths
        await (await caller.reserve(Amount(880))).settle()
        assert await caller.used() == Amount(120, 450)

    counting(action)


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("window", Window)
@pytest.mark.parametrize("kind", ["tokens", "money"])
def test_every_scope_window_and_kind_has_its_limit(
    counting: Callable[..., Any], scope: Scope, window: Window, kind: str
) -> None:
    async def action(counters: Counters) -> None:
        everybody = {"all": {}} if scope is not Scope.ALL else {}
        limit = 10_000_000 if scope is Scope.ALL else 100  # others of this run count in the last one too
        chosen = budgets(
            **everybody, **{scope: {kind: {window.name.lower(): limit if kind == "tokens" else limit / 1e6}}}
        )
        caller = Caller(counters, chosen, credential=uuid4().hex)
        used = await caller.used(scope, window)
        left = limit - (used.tokens if kind == "tokens" else used.micros)
        amount = Amount(left, 0) if kind == "tokens" else Amount(0, left)
        spending = await caller.reserve(amount)
        more = Amount(1, 0) if kind == "tokens" else Amount(0, 1)
        with pytest.raises(BudgetSpent) as refused:
            await caller.reserve(more)
        assert kind in str(refused.value) and window.name.lower() in str(refused.value)
        assert dict(refused.value.headers)[b"retry-after"].isdigit()
        await spending.settle()
        await (await caller.reserve(more)).settle()

    counting(action)


def test_parallel_calls_never_overspend(counting: Callable[..., Any]) -> None:
    async def action(counters: Counters) -> None:
        caller = Caller(counters, budgets({"most_answers_each": 1000}, user={"tokens": {"day": 10_000}}))
        spent, refused = 0, 0

        async def call(number: int) -> None:
            nonlocal spent, refused
            try:
                spending = await caller.reserve(Amount(700))
            except BudgetSpent:
                refused += 1
                return
            assert (await caller.used(Scope.USER, Window.DAY)).tokens <= 10_000
            used = number % 500
            spending.note(used, 0)
            spent += used
            await spending.settle()

        for _ in range(3):
            await asyncio.gather(*(call(number) for number in range(200)))
        assert refused
        assert (await caller.used(Scope.USER, Window.DAY)).tokens == spent <= 10_000

    counting(action)


def test_a_call_beyond_the_reservation_is_covered_first_or_not_made(counting: Callable[..., Any]) -> None:
    async def action(counters: Counters) -> None:
        caller = Caller(counters, budgets(user={"tokens": {"month": 1000}}))
        spending = await caller.reserve(Amount(300, 1000))
        await spending.cover(200, 20)
        assert (await caller.used()).tokens == 300
        spending.note(200, 20)
        await spending.cover(500, 20)
        assert (await caller.used()).tokens == 740
        spending.note(500, 20)
        with pytest.raises(BudgetSpent):
            await spending.cover(500, 20)
        await spending.settle()
        assert (await caller.used()).tokens == 740
        assert (await caller.used(window=Window.MINUTE)).tokens == 740

    counting(action)


def test_what_a_call_needs_beyond_its_reservation_is_the_key_s_too(counting: Callable[..., Any]) -> None:
    async def action(counters: Counters) -> None:
        caller = Caller(counters, budgets(key={"tokens": {"month": 500}}), credential=uuid4().hex)
        spending = await caller.reserve(Amount(300, 1000))
        await spending.cover(400, 20)
        assert await caller.used(Scope.KEY) == await caller.used() == Amount(420, 1200)
        with pytest.raises(BudgetSpent, match="This key's"):
            await spending.cover(501, 0)

    counting(action)


def test_what_a_provider_says_beyond_the_bound_is_charged_too(counting: Callable[..., Any]) -> None:
    async def action(counters: Counters) -> None:
        caller = Caller(counters, budgets())
        spending = await caller.reserve(Amount(10))
        spending.note(100, 0)
        await spending.settle()
        assert (await caller.used()).tokens == 100

    counting(action)


def test_a_window_that_passed_is_neither_charged_nor_given_back_to(counting: Callable[..., Any], stack: Stack) -> None:
    async def action(counters: Counters) -> None:
        caller = Caller(counters, budgets(user={"tokens": {"minute": 100}}))
        spending = await caller.reserve(Amount(100))
        with stack.state.connect() as everything:  # a minute later
            everything.hincrby(f"budget:user:{caller.payer.user}", "b1", 1)
        await spending.settle()
        with stack.state.connect() as everything:
            kept = everything.hgetall(f"budget:user:{caller.payer.user}")
        assert (kept[b"t1"], kept[b"t2"], kept[b"t3"]) == (b"100", b"0", b"0")

    counting(action)


@pytest.mark.parametrize(
    ("operator", "own", "room"), [(1000, 50, 50), (1000, 5000, 1000), (1000, 0, 0), (None, 50, 50), (1000, None, 1000)]
)
def test_a_tenant_s_own_budget_saves_and_never_lifts_the_operator_s(
    counting: Callable[..., Any], operator: int | None, own: int | None, room: int
) -> None:
    async def action(counters: Counters) -> None:
        caller = Caller(counters, budgets(tenant={"tokens": {"month": operator}}))
        await keep_own_month(counters, Scope.TENANT, caller.payer.tenant, own)
        with pytest.raises(BudgetSpent):
            await caller.reserve(Amount(room + 1))
        await (await caller.reserve(Amount(room))).settle()
        assert month_limit(Scope.TENANT, -1 if operator is None else operator, own) == room

    counting(action)


def test_a_budget_of_ones_own_goes_before_the_settings(counting: Callable[..., Any]) -> None:
    async def action(counters: Counters) -> None:
        caller = Caller(counters, budgets(user={"tokens": {"month": 1000}}))
        await keep_own_month(counters, Scope.USER, caller.payer.user, 50)
        with pytest.raises(BudgetSpent):
            await caller.reserve(Amount(51))
        await keep_own_month(counters, Scope.USER, caller.payer.user, 2000)
        await (await caller.reserve(Amount(1500))).settle()
        await keep_own_month(counters, Scope.USER, caller.payer.user, None)
        with pytest.raises(BudgetSpent):
            await caller.reserve(Amount(1001))

    counting(action)


@pytest.mark.parametrize("known", [(), (Scope.USER,), (Scope.TENANT,)], ids=len)
def test_until_it_is_kept_who_has_a_budget_of_their_own_nothing_is_reserved(
    counting: Callable[..., Any], known: tuple[Scope, ...]
) -> None:
    async def action(counters: Counters) -> None:
        caller = Caller(counters, budgets(user={"tokens": {"month": 1000}}))
        for scope in known:
            await keep_own_month(counters, scope, dict(caller.payer.scopes())[scope], None)
        with pytest.raises(Unavailable):
            await caller.reserve_unknown(Amount(1))
        for scope in (Scope.USER, Scope.TENANT):
            assert await caller.used(scope) == Amount()
        await caller.reserve(Amount(1))
        await caller.reserve_unknown(Amount(1))

    counting(action)


def test_what_was_read_before_it_changed_does_not_undo_the_change(counting: Callable[..., Any]) -> None:
    async def action(counters: Counters) -> None:
        caller = Caller(counters, budgets())
        user = caller.payer.user
        await keep_own_month(counters, Scope.USER, user, 50)
        await keep_own_month(counters, Scope.USER, user, None, overwrite=False)
        with pytest.raises(BudgetSpent):
            await caller.reserve(Amount(51))

    counting(action)


def test_answers_at_once_are_bounded_and_those_of_dead_processes_end(counting: Callable[..., Any]) -> None:
    async def action(counters: Counters) -> None:
        caller = Caller(counters, budgets({"most_answers_each": 2, "lease_seconds": 30}))
        first = await caller.reserve(Amount(1))
        await caller.reserve(Amount(1))
        with pytest.raises(TooManyAnswers):
            await caller.reserve(Amount(1))
        await first.settle()
        await caller.reserve(Amount(1))
        with pytest.raises(TooManyAnswers):
            await caller.reserve(Amount(1))
        await caller.reserve(Amount(1), now=time.time() + 31)

    counting(action)


def test_without_valkey_nothing_is_reserved(tmp_path: Any) -> None:
    async def action() -> None:
        valkey: Any = Redis(unix_socket_path=str(tmp_path / "none"))
        with pytest.raises(Unavailable):
            await Caller(Counters(valkey), budgets()).reserve(Amount(1))
        with pytest.raises(Unavailable):
            await AsyncLimiter(Counters(valkey)).hit([Rate.of("x", By.PERSON, "5/minute")], "x")
        await valkey.aclose()

    asyncio.run(action())


# rates


def test_the_last_request_fits_and_the_next_one_does_not(counting: Callable[..., Any]) -> None:
    async def action(counters: Counters) -> None:
        limiter, rate, who = AsyncLimiter(counters), Rate.of("x", By.PERSON, "5/day"), uuid4().hex
        left = [dict(await limiter.hit([rate], who))[b"ratelimit"].decode() for _ in range(5)]
        assert [text.partition(";t=")[0] for text in left] == [f'"x-by-person";r={n}' for n in (4, 3, 2, 1, 0)]
        for _ in range(3):  # what is refused is not counted
            with pytest.raises(RateLimited) as refused:
                await limiter.hit([rate], who)
        headers = dict(refused.value.headers)
        assert headers[b"ratelimit-policy"] == b'"x-by-person";q=5;w=86400'
        assert 0 < int(headers[b"retry-after"]) <= 2 * 86400
        await limiter.hit([rate], uuid4().hex)  # somebody else

    counting(action)


def test_parallel_requests_fit_exactly(counting: Callable[..., Any]) -> None:
    async def action(counters: Counters) -> None:
        limiter, rate, who = AsyncLimiter(counters), Rate.of("x", By.ADDRESS, "50/day"), uuid4().hex
        done = await asyncio.gather(*(limiter.hit([rate], who) for _ in range(120)), return_exceptions=True)
        assert sum(isinstance(each, RateLimited) for each in done) == 70

    counting(action)


def test_one_full_row_refuses_and_nothing_else_is_counted(counting: Callable[..., Any]) -> None:
    async def action(counters: Counters) -> None:
        limiter, who = AsyncLimiter(counters), uuid4().hex
        wide, narrow = Rate.of("wide", By.PERSON, "9/day"), Rate.of("narrow", By.PERSON, "1/day")
        await limiter.hit([wide, narrow], who)
        with pytest.raises(RateLimited, match="narrow"):
            await limiter.hit([wide, narrow], who)
        headers = dict(await limiter.hit([wide], who))
        assert b'"wide-by-person";r=7' in headers[b"ratelimit"]

    counting(action)


@pytest.mark.parametrize("passed", [0.0, 0.25, 0.5, 0.9])
def test_a_window_slides(counting: Callable[..., Any], passed: float) -> None:
    """Ten of the window before count by the part of it that is still in sight."""

    async def action(counters: Counters) -> None:
        rate, who = Rate.of("x", By.PERSON, "10/minute"), uuid4().hex
        begin = (int(time.time()) // 60) * 60

        async def hit(at: float) -> dict[str, Any]:
            asked = orjson.dumps({"rates": [rate.as_asked()]})
            found = await counters.gate("", int(at * 1000), 0, orjson.dumps(["", who]), asked)
            verdict: dict[str, Any] = orjson.loads(found[5])
            return verdict

        for _ in range(10):
            assert (await hit(begin))["verdict"] == "ok"
        fits = 0
        while (refused := await hit(begin + 60 * (1 + passed)))["verdict"] == "ok" and fits < 20:
            fits += 1
        assert fits == int(10 * passed)
        wait = refused["wait"] / 1000
        assert (await hit(begin + 60 * (1 + passed) + wait - 0.5))["verdict"] == "rate"
        assert (await hit(begin + 60 * (1 + passed) + wait + 0.01))["verdict"] == "ok"

    counting(action)


def test_a_look_counts_nothing(counting: Callable[..., Any]) -> None:
    async def action(counters: Counters) -> None:
        limiter, who = AsyncLimiter(counters), uuid4().hex
        look, count = (Rate.of("x", By.ADDRESS, "2/day", cost) for cost in (0, 1))
        for _ in range(5):
            assert await limiter.hit([look], who) == ()
        await limiter.hit([count], who)
        await limiter.hit([count], who)
        with pytest.raises(RateLimited):
            await limiter.hit([look], who)

    counting(action)


def test_pages_go_on_without_valkey_and_take_fewer(tmp_path: Any) -> None:
    async def action() -> None:
        valkey: Any = Redis(unix_socket_path=str(tmp_path / "none"))
        limiter, rate = AsyncLimiter(Counters(valkey)), Rate.of("x", By.ADDRESS, "8/day")
        await limiter.hit_public([rate], "a")
        await limiter.hit_public([rate], "a")
        with pytest.raises(RateLimited):
            await limiter.hit_public([rate], "a")
        await valkey.aclose()

    asyncio.run(action())


# who may touch them


@pytest.fixture
def gateway_client(stack: Stack) -> Iterator[Any]:
    with stack.state.connect("gateway") as client:
        yield client


def test_the_gateway_can_run_the_scripts_and_load_none(gateway_client: Any) -> None:
    for command in (("EVAL", "return 1", 0), ("SCRIPT", "LOAD", "return 1"), ("SCRIPT", "FLUSH"), ("FLUSHALL",)):
        with pytest.raises(NoPermissionError):
            gateway_client.execute_command(*command)


def test_the_worker_reaches_no_counter(stack: Stack) -> None:
    password = stack.secrets["jobs_worker_password"]
    client: Any = Redis(unix_socket_path=str(stack.state.socket), username="worker", password=password)
    with pytest.raises(RedisConnectionError, match="invalid username-password pair"):
        asyncio.run(client.ping())


def test_the_verdict_of_a_rate_says_which(counting: Callable[..., Any]) -> None:
    rates = [Rate.of("a", By.ADDRESS, "1/day"), Rate.of("b", By.PERSON, "1/day")]
    with pytest.raises(RateLimited, match=r"1 per 1 day \(b\)"):
        judge_rates(rates, {"verdict": "rate", "at": 1, "wait": 5000, "left": [[0, 1], [0, 1]]})
