"""Rates end to end: N and N+1 over two processes, refused credentials, headers (api-rate)."""

import re
from collections.abc import Callable

import httpx2
import pytest

from chatbot.identity.keys import new_key
from development.stack import Stack
from tests.conftest import free_port
from tests.doubles.person import Person
from tests.doubles.second_gateway import second_gateway
from tests.doubles.upstream import ScriptedModel

QUESTIONS = 12  # a day, of each person in the limited stack


@pytest.fixture(autouse=True)
def _fresh(model: ScriptedModel) -> None:
    model.reset()


def test_the_last_question_of_the_day_is_answered_and_the_next_one_is_not_whichever_process_is_asked(
    newcomers: Callable[[int], list[Person]], limited_stack: Stack
) -> None:
    ann, ben = newcomers(2)
    path = f"/api/v1/conversations/{ann.begin()}/turns"
    with second_gateway(limited_stack, port := free_port()):
        here, there = limited_stack.url, f"http://127.0.0.1:{port}"
        host = {"host": limited_stack.url.removeprefix("http://")}
        for number in range(QUESTIONS):
            answer = ann.post((here, there)[number % 2] + path, json={"question": "Hello?"}, headers=host)
            assert answer.status_code == 200, answer.text
            assert f'"questions-by-person";r={QUESTIONS - 1 - number};' in answer.headers["ratelimit"]
        for base in (here, there):
            refused = ann.post(base + path, json={"question": "Hello?"}, headers=host)
            assert refused.status_code == 429
            assert int(refused.headers["retry-after"]) > 0
            assert f'"questions-by-person";q={QUESTIONS};w=86400' in refused.headers["ratelimit-policy"]
            assert "questions" in refused.json()["detail"]
    assert ann.get("/api/v1/conversations").status_code == 200, "other things go on"
    assert ben.ask("Hello?").events[-1][0] == "end", "so do other people"


@pytest.mark.parametrize("path", ["/v1/models", "/assets/nothing.js", "/nowhere"])
def test_a_client_that_guesses_keys_is_stopped_before_its_next_guess_is_looked_at(
    newcomers: Callable[[int], list[Person]], limited_stack: Stack, path: str
) -> None:
    (ann,) = newcomers(1)
    statuses = []
    with httpx2.Client(base_url=limited_stack.url, trust_env=False) as client:
        for _ in range(25):
            answer = client.get(path, headers={"authorization": f"Bearer {new_key()}"})
            statuses.append(answer.status_code)
        assert statuses == [401] * 20 + [429] * 5
        if path.startswith("/v1"):
            assert answer.json()["error"]["code"] == "rate_limit_exceeded"
        genuine = client.get("/v1/models", headers={"authorization": f"Bearer {ann.key}"})
        assert genuine.status_code == 429, "it does not even learn that it guessed right"
    assert ann.get("/api/v1/session").status_code == 200, "a session from there goes on"
    with limited_stack.state.connect() as everything:  # others of these tests come from the same address
        everything.delete("rate:address:127.0.0.1:refused-credentials")


def test_no_header_buys_another_bucket(newcomers: Callable[[int], list[Person]], limited_stack: Stack) -> None:
    with httpx2.Client(base_url=limited_stack.url, trust_env=False) as client:
        seen = []
        for number in range(3):
            forged = {
                "x-forwarded-for": f"203.0.113.{number}",
                "forwarded": f"for=203.0.113.{number}",
                "x-real-ip": f"203.0.113.{number}",
                "client-ip": f"203.0.113.{number}",
                "true-client-ip": f"203.0.113.{number}",
            }
            client.get("/auth/login", headers=forged)
            with limited_stack.state.connect() as everything:
                seen.append(int(everything.hget("rate:address:127.0.0.1:sign-ins", "count")))
    assert seen == [seen[0], seen[0] + 1, seen[0] + 2]
    with limited_stack.state.connect() as everything:
        assert not everything.keys("rate:address:203.*")


@pytest.mark.parametrize("path", ["/", "/api/v1/session", "/api/v1/usage", "/api/v1/documents"])
def test_every_answer_says_how_much_is_left(newcomers: Callable[[int], list[Person]], path: str) -> None:
    """draft-ietf-httpapi-ratelimit-headers-10: a policy with quota and window, what is left and until when."""
    (ann,) = newcomers(1)
    answer = ann.get(path)
    assert re.fullmatch(r'"[a-z-]+";q=\d+;w=\d+(, "[a-z-]+";q=\d+;w=\d+)*', answer.headers["ratelimit-policy"])
    assert re.fullmatch(r'"[a-z-]+";r=\d+;t=\d+(, "[a-z-]+";r=\d+;t=\d+)*', answer.headers["ratelimit"])
