"""Tools in a turn: the offline assistant asks for them, the page sees each call, and no model gets more than its due."""

import re
from datetime import UTC, datetime
from typing import Any

import httpx2
import psutil

from development.stack import Stack
from tests.doubles.person import Person


def test_arithmetic_is_calculated_by_the_tool_server(alice: Person) -> None:
    answer = alice.ask("What is 17 times 3?")
    assert answer.text == "17 × 3 = 51 (calculated)"
    assert answer.tool_events == [("calculate", "running"), ("calculate", "done")]
    names = [name for name, _ in answer.events]
    assert (names[0], names[1], names[-1]) == ("begin", "tool", "end")
    kept = alice.get(f"/api/v1/conversations/{answer.conversation}").json()["messages"]
    assert kept[1]["nodes"] == answer.nodes


def test_the_time_is_told_for_a_city(alice: Person) -> None:
    answer = alice.ask("What time is it in Tokyo?")
    assert answer.tool_events == [("current_time", "running"), ("current_time", "done")]
    assert re.fullmatch(r"It is \d\d:\d\d on \w+, \d+ \w+ \d{4} in Asia/Tokyo \(UTC\+09:00\)\.", answer.text)
    assert str(datetime.now(UTC).year) in answer.text or "January" in answer.text


def test_units_are_converted_from_the_servers_table(alice: Person) -> None:
    answer = alice.ask("How many metres are in 2.5 miles?")
    assert answer.text == "2.5 miles = 4023.36 metres (calculated)"


def test_what_has_no_value_is_said_so_and_the_conversation_goes_on(alice: Person) -> None:
    answer = alice.ask("What is 1/0?")
    assert answer.tool_events == [("calculate", "running"), ("calculate", "refused")]
    assert "division by zero has no value" in answer.text
    assert alice.ask("2 + 2", answer.conversation).text == "2 + 2 = 4 (calculated)"


def test_a_question_about_documents_asks_for_no_tool(alice: Person) -> None:
    alice.upload(
        "steps.md", "# Release\n\nThe 3 steps of a release are tag, build and sign. The time limit is 40 minutes."
    )
    for question in ("What are the 3 steps of a release?", "What is the time limit of a release?"):
        answer = alice.ask(question)
        assert answer.tool_events == []
        assert answer.cited


def test_each_call_is_in_the_audit_log_without_its_contents(alice: Person) -> None:
    log = alice.stack.places.logs / "gateway.log"
    before = log.stat().st_size
    alice.ask("What is 271828 times 314159?")
    (line,) = [line for line in log.read_text()[before:].splitlines() if "tool call" in line]
    assert "tool=calculate" in line
    assert "verdict=done" in line
    assert re.search(r"arguments_sha256=\w{64} result_sha256=\w{64} bytes=\d+ ms=", line)
    assert "271828" not in line
    assert str(271828 * 314159) not in line


# the tool server's door


def test_the_tool_server_lets_nobody_in_without_its_credential(stack: Stack) -> None:
    url = f"http://127.0.0.1:{stack.tool_port}/mcp"
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    own = {"authorization": f"Bearer {stack.secrets['tools_credential_sample']}"}
    accept = {"accept": "application/json, text/event-stream"}

    def status(headers: dict[str, str], **options: Any) -> int:
        return httpx2.post(url, headers=accept | headers, timeout=10, **({"json": body} | options)).status_code

    assert status({}) == status({"authorization": "Bearer x"}) == 401
    assert status(own | {"host": "evil.example"}) == 421
    assert status(own | {"origin": "http://evil.example"}) == 403
    assert status(own | {"origin": stack.url}) == 403  # not even the application's own pages
    assert status(own, json=body | {"params": {"x": "x" * 20_000}}) == 413
    assert status(own, content=b"{", json=None) == 400


def test_the_tool_servers_process_knows_nothing_of_the_application(stack: Stack) -> None:
    process = psutil.Process(stack.processes["toolserver"].pid)
    environment = process.environ()
    assert not [name for name in environment if name.startswith("CHATBOT_")]
    assert stack.secrets["tools_credential_sample"] not in str(environment) + str(process.cmdline())


def test_the_credential_is_in_no_log_and_no_answer(alice: Person) -> None:
    answer = alice.ask("3 * 3")
    secret = alice.stack.secrets["tools_credential_sample"]
    assert secret not in str(answer.events)
    for log in alice.stack.places.logs.glob("*.log"):
        assert secret not in log.read_text()
