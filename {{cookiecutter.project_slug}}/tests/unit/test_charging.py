"""What a request is counted as and charged for, one condition at a time (api-rate, api-cost)."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from chatbot.config.limits import LimitsSettings
from chatbot.core.errors import Unavailable
from chatbot.core.principal import Principal, Role
from chatbot.gateway.access.actions import ActionTable
from chatbot.gateway.access.charging import _CONTEXT_BYTES, _MOST_BODY_BYTES, _UNANNOUNCED_BYTES, Asked, Charging
from chatbot.gateway.access.counting import AddressRates, PersonRates
from chatbot.gateway.access.rates import DEFAULTS, RateTable, is_answering
from chatbot.gateway.public import PUBLIC
from chatbot.identity.admission import Admission, Carrier
from chatbot.limits.budgets import Amount, Buckets, Budgets, Plan
from chatbot.limits.rates import Rate
from chatbot.limits.spending import Payer, Spending
from tests.doubles.asgi import Inner, call

WHO = Principal(UUID(int=1), UUID(int=2), Role.MEMBER, "alice")
ASK, TURN = ("POST", f"/api/v1/conversations/{UUID(int=9)}/turns"), ("POST", "/v1/chat/completions")
RATES = RateTable.of({})
OK, UNKNOWN = {"verdict": "ok", "left": []}, {"verdict": "unknown", "left": []}


def scope(method: str = "POST", path: str = TURN[1], **more: Any) -> dict[str, Any]:
    found = {"method": method, "path": path, "headers": [], "matched": ActionTable().find(method, path)}
    return found | {"client_address": "192.0.2.7", "session_cookie": None} | more


class Charged(Charging):
    """The real one, which notes for whom it kept what they have of their own."""

    def __init__(self) -> None:
        budgets = Budgets(LimitsSettings(budgets={}, prices={}), "m")
        super().__init__(None, budgets, None, RATES, 1000)
        self.kept: list[Principal] = []

    async def _keep_own_months(self, principal: Principal) -> None:
        self.kept.append(principal)


def names(asked: Asked) -> list[str]:
    return [f"{rate.name}-by-{rate.by}" for rate in asked.rows]


def test_a_session_is_counted_by_address_and_person_and_a_program_by_person_alone() -> None:
    session = Charged().ask(scope(*ASK))
    assert names(session) == ["requests-by-address", "requests-by-person", "questions-by-person"]
    told = json.loads(session.text)
    assert (told["address"], "credential" in told, told["reserve"]["tokens"] > 0) == ("192.0.2.7", False, True)
    program = Charged().ask(scope(*TURN), credential="k")
    assert names(program) == ["requests-by-person", "completions-by-person"]
    told = json.loads(program.text)
    assert ("address" in told, told["credential"]) == (False, "k")
    assert program.plan is not None


def test_without_the_session_s_own_token_nothing_is_reserved() -> None:
    asked = Charged().ask(scope(*ASK), reserve=False)
    assert asked.plan is None and "reserve" not in json.loads(asked.text)


@pytest.mark.parametrize(
    ("headers", "size"),
    [
        ([], _UNANNOUNCED_BYTES),
        ([(b"content-length", b"100")], 100),
        ([(b"content-length", b"99999999999")], _MOST_BODY_BYTES),
        ([(b"content-length", b"9" * 12)], _UNANNOUNCED_BYTES),
        ([(b"content-length", b"-1")], _UNANNOUNCED_BYTES),
        ([(b"content-length", b"")], _UNANNOUNCED_BYTES),
        ([(b"x-content-length", b"1"), (b"content-length", b"7")], 7),
    ],
    ids=str,
)
def test_what_a_body_says_of_its_length_is_charged_up_to_the_most(headers: Any, size: int) -> None:
    plan = Charged().ask(scope(headers=headers)).plan
    assert plan is not None and plan.amount.tokens == size + _CONTEXT_BYTES + 1000


def charge(
    verdicts: list[dict[str, Any]], admission: Admission | None, *, reserve: bool = True
) -> tuple[dict[str, Any], Charged, int]:
    """Return the scope, what charged it, and how often the script was asked."""
    charged, at = Charged(), scope(*ASK)
    said = iter(verdicts)

    async def find(_text: bytes) -> tuple[Admission | None, dict[str, Any]]:
        return admission, next(said)

    assert asyncio.run(charged.charge(at, charged.ask(at, reserve=reserve), find)) is admission
    return at, charged, len(verdicts) - len(list(said))


SESSION, KEY = Admission(WHO, Carrier.SESSION, "s"), Admission(WHO, Carrier.KEY, "k", frozenset())


@pytest.mark.parametrize(("admission", "key"), [(SESSION, None), (KEY, "k")])
def test_a_key_pays_from_a_budget_of_its_own_and_a_session_from_none(admission: Admission, key: str | None) -> None:
    at, charged, asked = charge([OK, OK], admission)
    assert (at["spending"]._payer.credential, charged.kept, asked) == (key, [], 1)
    assert (at["spending"]._payer.tenant, at["spending"]._payer.user) == (str(WHO.tenant_id), str(WHO.user_id))


def test_what_somebody_has_of_their_own_is_kept_before_they_are_charged() -> None:
    at, charged, asked = charge([UNKNOWN, OK], SESSION)
    assert (charged.kept, asked, "spending" in at) == ([WHO], 2, True)
    with pytest.raises(Unavailable):
        charge([UNKNOWN, UNKNOWN], SESSION)


def test_nobody_is_charged_whom_the_script_did_not_find() -> None:
    for verdict in (OK, UNKNOWN):  # a forged session is one that the script finds
        at, charged, asked = charge([verdict], None)
        assert ("spending" in at, charged.kept, asked) == (False, [], 1)
    at, _, _ = charge([OK], SESSION, reserve=False)
    assert "spending" not in at


class Counted:
    """A limiter that notes by which rows it was asked."""

    def __init__(self) -> None:
        self.hits: list[tuple[str, list[str], str]] = []

    def note(self, kind: str, rates: Any, who: str) -> tuple[tuple[bytes, bytes], ...]:
        rows = [rates] if isinstance(rates, Rate) else rates
        self.hits.append((kind, [f"{rate.name}-by-{rate.by}" for rate in rows], who))
        return ((b"ratelimit", b"x"),)

    async def hit(self, rates: Any, who: str) -> Any:
        return self.note("hit", rates, who)

    async def hit_public(self, rates: Any, who: str) -> Any:
        return self.note("public", rates, who)

    async def hit_alone(self, rate: Rate, who: str) -> None:
        self.note("alone", rate, who)


BEARER, FILES = [(b"authorization", b"Bearer x")], ["files-by-address"]
PLAIN, LOOKED = ["requests-by-address"], ["requests-by-address", "refused-credentials-by-address"]


@pytest.mark.parametrize(
    ("method", "path", "more", "hits"),
    [
        ("GET", "/assets/x.js", {}, [("alone", FILES)]),
        ("GET", "/healthz", {}, [("alone", FILES)]),
        ("GET", "/assets/x.js", {"headers": BEARER}, [("hit", LOOKED)]),
        ("GET", "/healthz", {"headers": BEARER}, [("public", LOOKED)]),
        ("GET", "/readyz", {"peer_chain": b"x"}, [("public", LOOKED)]),
        ("GET", "/sign-in", {}, [("public", PLAIN)]),
        ("GET", "/auth/login", {}, [("public", [*PLAIN, "sign-ins-by-address"])]),
        ("POST", "/csp-report", {}, [("public", [*PLAIN, "reports-by-address"])]),
        ("GET", "/api/v1/session", {"session_cookie": "s"}, [("hit", PLAIN)]),
        (*ASK, {}, [("hit", PLAIN)]),
        (*TURN, {"headers": BEARER}, [("hit", LOOKED)]),
        (*TURN, {"headers": BEARER, "session_cookie": "s"}, [("hit", LOOKED)]),
        # in the gate's own round trip
        (*ASK, {"session_cookie": "s"}, []),
    ],
    ids=str,
)
def test_an_address_is_counted_before_anybody_s_secret_is_looked_at(
    method: str, path: str, more: dict[str, Any], hits: list[tuple[str, list[str]]]
) -> None:
    counted, inner = Counted(), Inner()
    at = scope(method, path, **more)
    call(AddressRates(inner, limiter=counted, rates=RATES, public=PUBLIC), **at)
    assert counted.hits == [(*hit, "192.0.2.7") for hit in hits]
    assert len(inner.scopes) == 1


@pytest.mark.parametrize(
    ("method", "path", "rows"),
    [
        ("GET", "/api/v1/session", ["requests-by-person"]),
        (*ASK, ["requests-by-person", "questions-by-person"]),
        (*TURN, ["requests-by-person", "completions-by-person"]),
        ("POST", "/api/v1/documents", ["requests-by-person", "uploads-by-person"]),
        ("POST", "/api/v1/keys", ["requests-by-person", "new-keys-by-person"]),
        ("GET", "/api/v1/nowhere", ["requests-by-person"]),
    ],
)
def test_a_person_is_counted_once_and_told_what_is_left(method: str, path: str, rows: list[str]) -> None:
    for headers in (None, ((b"ratelimit", b"gate"),)):
        counted = Counted()
        at = scope(method, path, admission=SESSION) | ({} if headers is None else {"rate_headers": headers})
        answer = call(PersonRates(Inner(), limiter=counted, rates=RATES), **at)
        assert counted.hits == ([("hit", rows, str(WHO.user_id))] if headers is None else [])
        assert answer.headers == {b"ratelimit": b"x" if headers is None else b"gate"}


def test_what_is_public_has_no_person_to_count() -> None:
    counted = Counted()
    answer = call(PersonRates(Inner(), limiter=counted, rates=RATES), **scope("GET", "/sign-in"))
    assert (counted.hits, answer.headers) == ([], {})


def test_a_model_answers_two_routes_by_post_alone() -> None:
    answering = {(method, path) for method in ("GET", "POST") for path in (ASK[1], TURN[1], "/v1/models", "/api/v1/keys")
                 if is_answering(scope(method, path))}  # fmt: skip
    assert answering == {ASK, TURN}


def test_a_rate_that_no_row_names_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no rate called x-by-person"):
        RateTable.of({"x-by-person": "1/day"})
    assert RateTable.of({name: "7/day" for name in DEFAULTS}).refused(0).limit.amount == 7


def test_each_window_gets_back_at_most_what_was_reserved_in_it() -> None:
    """A call that was covered in a later minute than its first reservation."""
    told: list[tuple[int, int]] = []

    async def settle(settled: dict[str, Any]) -> None:
        told.append((settled["minute"], settled["tokens"]))

    counters: Any = SimpleNamespace(settle=settle)
    first, more = (Plan("i", Amount(tokens), Buckets(minute, 1, 1)) for tokens, minute in ((300, 1), (100, 2)))
    spending = Spending(counters, Budgets(LimitsSettings(budgets={}, prices={}), "m"), Payer("t", "u"), first)
    spending._plans.append(more)
    spending.note(50, 0)
    asyncio.run(spending.settle())
    assert told == [(2, -100), (1, -250)]
