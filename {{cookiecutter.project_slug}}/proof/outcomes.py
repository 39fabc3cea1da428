"""A pytest plugin that notes how each test ended, for the ablation runner.

`won`: the attack reached its goal; `red`: another assertion failed; `broken`: anything else went wrong.
"""

import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

GOAL = "AttackWon"  # tests/doubles/goal.py
FILE = "CHATBOT_OUTCOMES"  # the environment variable that names the file; one JSON object per line


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: "pytest.CallInfo[Any]") -> Generator[None, Any, Any]:
    """Note a test's call, and whatever else of it went wrong."""
    report = yield
    if report.when == "call" or report.outcome != "passed":
        error = call.excinfo
        asserted = error is not None and error.errisinstance((AssertionError, pytest.fail.Exception))
        kind = "passed" if report.outcome == "passed" else "skipped" if report.outcome == "skipped" else "broken"
        if kind == "broken" and report.when == "call" and asserted:
            kind = "won" if error is not None and error.typename == GOAL else "red"
        _note(test=item.nodeid, outcome=kind, why=str(error.value)[:300] if error else "")
    return report


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Note a file that could not even be read."""
    if report.failed:
        _note(test=report.nodeid, outcome="broken", why=str(report.longrepr)[-300:])


def _note(**values: str) -> None:
    with Path(os.environ[FILE]).open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(values) + "\n")
