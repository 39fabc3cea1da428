"""Rate limits in numbers: what is asked of Valkey, how its verdict reads, and what counts without it (api-rate)."""

import asyncio
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError

from chatbot.core.errors import Unavailable
from chatbot.limits.budgets import Amount, Buckets, Scope, Window
from chatbot.limits.limiter import AsyncLimiter
from chatbot.limits.rates import By, Rate, RateLimited, judge_rates, rate_headers
from chatbot.limits.scripts import Counters
from chatbot.limits.usage import keep_own_month, read_usage

LOOK, FIRST, SECOND = (
    Rate.of("look", By.ADDRESS, "3/minute", 0),
    Rate.of("a", By.ADDRESS, "5/minute"),
    Rate.of("b", By.PERSON, "9/day", 2),
)


def test_a_row_counts_one_request_unless_it_says_otherwise() -> None:
    assert FIRST.as_asked() == ["address", "a", 5, 60_000, 1]
    assert SECOND.as_asked() == ["person", "b", 9, 86_400_000, 2]
    assert LOOK.as_asked()[-1] == 0


def test_headers_name_the_rows_that_count_each_with_what_is_left_of_it() -> None:
    left = [[3, 1], [4, 1500], [7, 60_000]]
    assert dict(rate_headers([LOOK, FIRST, SECOND], left)) == {
        b"ratelimit-policy": b'"a-by-address";q=5;w=60, "b-by-person";q=9;w=86400',
        b"ratelimit": b'"a-by-address";r=4;t=2, "b-by-person";r=7;t=60',
    }
    assert dict(rate_headers([FIRST, SECOND], left[1:2])) == {  # without a session only addresses are counted
        b"ratelimit-policy": b'"a-by-address";q=5;w=60',
        b"ratelimit": b'"a-by-address";r=4;t=2',
    }
    assert rate_headers([LOOK], left[:1]) == ()
    for nothing in ({}, {"left": None}, {"left": []}):
        assert judge_rates([FIRST], {"verdict": "ok", **nothing}) == ()


@pytest.mark.parametrize(("wait", "seconds"), [(0, b"1"), (1, b"1"), (1000, b"1"), (1001, b"2"), (59_500, b"60")])
def test_a_denial_names_its_row_and_when_to_come_back(wait: int, seconds: bytes) -> None:
    verdict = {"verdict": "rate", "at": 1, "wait": wait, "left": [[4, 1500], [0, 60_000]]}
    with pytest.raises(RateLimited, match=r"9 per 1 day \(b\)") as denied:
        judge_rates([FIRST, SECOND], verdict)
    headers = dict(denied.value.headers)
    assert headers[b"retry-after"] == seconds
    assert headers[b"ratelimit"] == b'"a-by-address";r=4;t=2, "b-by-person";r=0;t=60'


class Valkey:
    """Stands for the connection: remembers what was asked, and fails with `error` when there is one."""

    def __init__(self, error: Exception | None = None, fields: Any = ()) -> None:
        self.error, self.fields = error, list(fields)
        self.asked: list[tuple[Any, ...]] = []

    async def __aenter__(self) -> "Valkey":
        return self

    async def __aexit__(self, *_error: object) -> None:
        return None

    def pipeline(self) -> "Valkey":
        return self

    def _note(self, *asked: Any) -> "Valkey":
        self.asked.append(asked)
        return self

    def hset(self, *asked: Any) -> "Valkey":
        return self._note("hset", *asked)

    def hsetnx(self, *asked: Any) -> "Valkey":
        return self._note("hsetnx", *asked)

    def expire(self, *asked: Any) -> "Valkey":
        return self._note("expire", *asked)

    async def _answer(self, *asked: Any) -> list[Any]:
        self._note(*asked)
        if self.error is not None:
            raise self.error
        return self.fields

    async def execute(self) -> list[Any]:
        return await self._answer("execute")

    async def evalsha(self, _digest: str, *asked: Any) -> list[Any]:
        return await self._answer(*asked)

    async def hmget(self, *asked: Any) -> list[Any]:
        return await self._answer(*asked)


def counters(valkey: Valkey) -> Counters:
    made: Any = valkey
    return Counters(made)


@pytest.mark.parametrize(
    ("session", "asked"), [("", (0, 7, 60, b"k", b"a")), ("session:x", (1, "session:x", 7, 60, b"k", b"a"))]
)
def test_a_session_is_the_script_s_only_key_and_without_one_there_is_none(session: str, asked: tuple[Any, ...]) -> None:
    valkey = Valkey()
    asyncio.run(counters(valkey).gate(session, 7, 60, b"k", b"a"))
    assert valkey.asked == [asked]


@pytest.mark.parametrize("error", [RedisConnectionError("secret"), NoScriptError("secret")], ids=["away", "no script"])
def test_whatever_keeps_counters_from_an_answer_is_unavailable(error: Exception) -> None:
    made = counters(Valkey(error))
    calls = [
        lambda: made.gate("", 7, 60, b"", b""),
        lambda: made.settle({}),
        lambda: made.read("k", ["f"]),
        lambda: made.write("k", "f", "v", seconds=1, overwrite=True),
    ]
    for place, call in enumerate(calls):
        with pytest.raises(Unavailable) as failed:
            asyncio.run(call())
        assert "secret" not in str(failed.value)
        assert ("restart the stack" in str(failed.value)) == (isinstance(error, NoScriptError) and place < 2)


@pytest.mark.parametrize(("tokens", "kept"), [(None, ""), (0, "0"), (7, "7")])
def test_an_override_is_written_over_another_unless_it_may_be_older(tokens: int | None, kept: str) -> None:
    for options, command in (({}, "hset"), ({"overwrite": True}, "hset"), ({"overwrite": False}, "hsetnx")):
        valkey = Valkey()
        asyncio.run(keep_own_month(counters(valkey), Scope.USER, "u", tokens, **options))
        assert valkey.asked == [
            (command, "budget:user:u", "own", kept), ("expire", "budget:user:u", 40 * 86_400), ("execute",),
        ]  # fmt: skip


def test_what_was_used_counts_in_the_window_in_which_it_was_used() -> None:
    buckets = Buckets(1, 2, 3)
    for fields, used in (
        ([b"1", b"10", b"11", b"2", b"20", b"21", b"3", b"30", b"31"], [(10, 11), (20, 21), (30, 31)]),
        ([b"0", b"10", b"11", b"2", b"20", b"0", b"2", b"30", b"31"], [(0, 0), (20, 0), (0, 0)]),
        ([None] * 9, [(0, 0)] * 3),
        ([b"1", None, None] * 3, [(0, 0)] * 3),
    ):
        found = asyncio.run(read_usage(counters(Valkey(fields=fields)), Scope.USER, "u", buckets))
        assert [found[window] for window in Window] == [Amount(*each) for each in used]


def test_without_valkey_each_row_counts_by_itself_and_takes_a_quarter() -> None:
    wide, narrow = Rate.of("wide", By.ADDRESS, "12/day"), Rate.of("narrow", By.ADDRESS, "8/day")
    look = Rate.of("look", By.ADDRESS, "12/day", 0)

    async def fit(rates: list[Rate], *, public: bool = True) -> int:
        limiter, fits = AsyncLimiter(counters(Valkey(RedisConnectionError("away")))), 0
        while fits < 50:
            try:
                if public:
                    assert await limiter.hit_public(rates, "192.0.2.1") == ()
                else:
                    await limiter.hit_alone(rates[0], "192.0.2.1")
            except RateLimited as denied:
                assert dict(denied.headers)[b"retry-after"] == b"86400"
                await limiter.hit_alone(Rate.of("another", By.ADDRESS, "8/day"), "192.0.2.1")
                await limiter.hit_alone(rates[-1], "192.0.2.2")
                return fits
            fits += 1
        return fits

    assert asyncio.run(fit([wide])) == 3
    assert asyncio.run(fit([wide, narrow])) == 2
    assert asyncio.run(fit([look])) == 3, "what only looks counts too"
    assert asyncio.run(fit([narrow], public=False)) == 8
