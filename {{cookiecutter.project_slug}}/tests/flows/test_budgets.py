"""Budgets end to end: two gateway processes, one killed, and a model that says what it used (api-cost)."""

import asyncio
import subprocess
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx2
import pytest

from development.stack import Stack
from tests.conftest import free_port
from tests.doubles.person import Person
from tests.doubles.second_gateway import second_gateway
from tests.doubles.upstream import ScriptedModel, begin_stream, end_stream, send_piece, send_raw

DAY = 400_000  # tokens a day of each person in the limited stack
FIRST = 6  # calls under way in the process that is killed
PROMPT, ANSWER = 900, 100  # what the model says that a call has used
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":%d,"completion_tokens":%d}}\n\n' % (PROMPT, ANSWER)


def say(handler: BaseHTTPRequestHandler) -> None:
    begin_stream(handler)
    send_piece(handler, "Yes.")
    send_raw(handler, USAGE)
    end_stream(handler)


def used(person: Person, window: str = "day", scope: str = "user") -> dict[str, Any]:
    shown = person.get("/api/v1/usage").json()["budgets"]
    (found,) = [budget for budget in shown if (budget["scope"], budget["window"]) == (scope, window)]
    return found


@pytest.fixture(autouse=True)
def _fresh(model: ScriptedModel) -> None:
    model.reset()
    model.behave = say


def test_an_answer_costs_what_the_provider_says(newcomers: Callable[[int], list[Person]]) -> None:
    (ann,) = newcomers(1)
    ann.ask("What is in the pantry?")
    found = used(ann)
    assert found["tokens"] == {"used": PROMPT + ANSWER, "limit": DAY}
    assert found["money"]["used"] == pytest.approx((PROMPT * 2.5 + ANSWER * 10) / 1e6)
    assert used(ann, "month")["tokens"] == {"used": PROMPT + ANSWER, "limit": None}


@pytest.mark.parametrize("path", ["turn", "completion"])
def test_a_model_that_fails_costs_nothing_and_one_that_was_left_what_was_seen(
    newcomers: Callable[[int], list[Person]], model: ScriptedModel, path: str
) -> None:
    (ann,) = newcomers(1)
    model.behave = lambda handler: handler.send_error(500)
    ask = ann.ask if path == "turn" else lambda question: complete(ann, question)
    ask("Hello?")
    assert used(ann)["tokens"]["used"] == 0

    def half(handler: BaseHTTPRequestHandler) -> None:
        begin_stream(handler)
        send_piece(handler, "Half an answer")
        handler.close_connection = True

    model.behave = half
    ask("Hello?")
    assert 0 < used(ann)["tokens"]["used"] < 10_000


@pytest.mark.parametrize("said", [b"-5", b"99999999999999999999999", b"1e400", b'"x"', b"null", b"[]"])
def test_a_provider_s_nonsense_stops_neither_the_books_nor_the_trail(
    newcomers: Callable[[int], list[Person]], model: ScriptedModel, said: bytes
) -> None:
    def nonsense(handler: BaseHTTPRequestHandler) -> None:
        begin_stream(handler)
        send_piece(handler, "Yes.")
        send_raw(
            handler, b'data: {"choices":[],"usage":{"prompt_tokens":%b,"completion_tokens":%b}}\n\n' % (said, said)
        )
        end_stream(handler)

    (ann,) = newcomers(1)
    model.behave = nonsense
    done = complete(ann, "Hello?").headers["x-request-id"]
    assert 0 <= used(ann)["tokens"]["used"] <= 20_000_000
    end = time.monotonic() + 10
    found: list[str] = []
    while done not in found and time.monotonic() < end:
        found = [row["request_id"] for row in ann.get("/api/v1/audit/own").json()]
        time.sleep(0.05)  # polling: records are written every half second
    assert done in found


def complete(person: Person, question: str, **more: Any) -> httpx2.Response:
    body = {"model": "chatbot-without-documents", "messages": [{"role": "user", "content": question}], **more}
    headers = {"authorization": f"Bearer {person.key}"}
    return httpx2.post(f"{person.stack.url}/v1/chat/completions", json=body, headers=headers, trust_env=False)


@pytest.mark.parametrize(
    ("method", "body"),
    [("POST", {"question": ""}), ("POST", {"nonsense": 1}), ("POST", {"again": 5}), ("GET", None)],
)
def test_what_was_never_asked_gives_its_reservation_back(
    newcomers: Callable[[int], list[Person]], method: str, body: Any
) -> None:
    (ann,) = newcomers(1)
    path = f"/api/v1/conversations/{ann.begin()}/turns"
    assert ann.change(method, path, json=body).status_code in (404, 405, 422)
    assert (
        ann.post("/api/v1/conversations/00000000-0000-4000-8000-000000000000/turns", json={"question": "?"}).status_code
        == 404
    )
    assert used(ann)["tokens"]["used"] == 0


def test_a_key_has_a_budget_of_its_own_and_spends_its_owner_s(newcomers: Callable[[int], list[Person]]) -> None:
    (ann,) = newcomers(1)
    assert complete(ann, "Hello?").status_code == 200
    assert used(ann)["tokens"]["used"] == PROMPT + ANSWER
    refused = complete(ann, "a" * 290_000)  # beyond the key's budget before a model is asked
    assert refused.status_code == 429
    error = refused.json()["error"]
    assert (error["code"], error["type"]) == ("insufficient_quota", "rate_limit_error")
    assert "This key's tokens" in error["message"]
    assert int(refused.headers["retry-after"]) > 0
    assert used(ann)["tokens"]["used"] == PROMPT + ANSWER


def test_a_spent_budget_is_said_as_a_problem(newcomers: Callable[[int], list[Person]], limited_stack: Stack) -> None:
    (ann,) = newcomers(1)
    with limited_stack.state.connect() as everything:
        everything.hset(f"budget:user:{ann.user}", "own", 100)
    refused = ann.post(f"/api/v1/conversations/{ann.begin()}/turns", json={"question": "Hello?"})
    assert refused.status_code == 429
    assert refused.json()["type"] == "urn:chatbot:budget-used-up"
    assert "Your tokens for this month" in refused.json()["detail"]


def test_500_calls_over_two_processes_one_of_them_killed_never_overspend(
    newcomers: Callable[[int], list[Person]], limited_stack: Stack, model: ScriptedModel
) -> None:
    """LLMJACKING-2024: parallel requests cannot exceed the limit, whatever becomes of the processes that make them."""
    (ann,) = newcomers(1)
    first, goes_on = threading.Event(), threading.Event()
    asked: list[int] = []

    def wait(handler: BaseHTTPRequestHandler) -> None:
        asked.append(1)
        if len(asked) == FIRST:
            first.set()
        goes_on.wait(30)
        try:
            say(handler)
        except OSError:
            return  # the process that asked is dead

    model.behave = wait
    with second_gateway(limited_stack, port := free_port()) as other:
        statuses = asyncio.run(flood(ann, port, other, first, goes_on))
        # a refused caller loses the connection: for the next one there may be no room (503), and on a busy machine
        # its head or body may come too late (408); none of these is let in
        refused = statuses.count(429) + statuses.count(503) + statuses.count(408)
        assert statuses.count(200) + refused + statuses.count(0) == 500, sorted(set(statuses))
        assert refused > 300
        assert statuses.count(0) >= FIRST
        # whoever was let in was paid for: the killed ones at their bound, the others at what they used
        total = used(ann)["tokens"]["used"]
        assert len(asked) * (PROMPT + ANSWER) <= DAY
        assert statuses.count(200) * (PROMPT + ANSWER) <= total <= DAY
        assert total > statuses.count(200) * (PROMPT + ANSWER), "the dead stay charged"


async def flood(
    person: Person, port: int, other: "subprocess.Popen[bytes]", first: threading.Event, goes_on: threading.Event
) -> list[int]:
    body = {"model": "chatbot-without-documents", "messages": [{"role": "user", "content": "Hello?"}]}
    headers = {"authorization": f"Bearer {person.key}", "host": person.stack.url.removeprefix("http://")}
    limits = httpx2.Limits(max_connections=500)

    async def ask(client: httpx2.AsyncClient, number: int) -> int:
        address = f"http://127.0.0.1:{person.stack.port if number % 2 else port}/v1/chat/completions"
        try:
            return (await client.post(address, json=body, headers=headers)).status_code
        except httpx2.TransportError:
            return 0  # the connection ended with its process

    async with httpx2.AsyncClient(trust_env=False, timeout=60, limits=limits) as client:
        asking = [asyncio.ensure_future(ask(client, 0)) for _ in range(FIRST)]
        await asyncio.to_thread(first.wait, 30)  # these are under way in the process that dies
        asking += [asyncio.ensure_future(ask(client, number)) for number in range(500 - FIRST)]
        waiting: set[asyncio.Future[int]] = set(asking)
        while len(waiting) > 150:  # those that have to be refused were: who waits now, waits for the model
            _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        other.kill()
        goes_on.set()
        return list(await asyncio.gather(*asking))
