"""A person with an account who runs up a bill (api-cost)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler

import httpx2

from tests.doubles.goal import must_fail
from tests.doubles.person import Person
from tests.doubles.upstream import ScriptedModel, begin_stream, end_stream, send_piece, send_raw


def test_a_bill_stops_at_its_budget_however_it_is_run_up(
    newcomers: Callable[[int], list[Person]], model: ScriptedModel
) -> None:
    """LLMJACKING-2024: a stolen key, 50 calls at once, again and again."""
    (ann,) = newcomers(1)
    model.reset()
    model.behave = costly
    body = {"model": "chatbot-without-documents", "messages": [{"role": "user", "content": "Spend. " + "x" * COSTLY}]}
    with httpx2.Client(base_url=ann.stack.url, trust_env=False, timeout=60) as thief, ThreadPoolExecutor(50) as pool:
        headers = {"authorization": f"Bearer {ann.key}"}
        calls = [pool.submit(thief.post, "/v1/chat/completions", json=body, headers=headers) for _ in range(150)]
        statuses = [call.result().status_code for call in calls]
    spent = len(model.requests) * COSTLY
    must_fail(spent > KEY_BUDGET, f"{spent} tokens were spent of {KEY_BUDGET}")
    assert set(statuses) == {200, 429}
    assert spent > KEY_BUDGET / 2, "the budget can be used"


COSTLY, KEY_BUDGET = 8000, 300_000  # tokens of a call; of a key and a day in the limited stack


def costly(handler: BaseHTTPRequestHandler) -> None:
    begin_stream(handler)
    send_piece(handler, "Spent.")
    send_raw(handler, b'data: {"choices":[],"usage":{"prompt_tokens":%d,"completion_tokens":100}}\n\n' % (COSTLY - 100))
    end_stream(handler)
