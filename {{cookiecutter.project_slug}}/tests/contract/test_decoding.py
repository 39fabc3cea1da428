"""How a job's body is decoded, at its own seam (app-deserialise)."""

import json
from dataclasses import replace
from typing import Any

import pytest

from chatbot.jobs.decoding import ACCEPTED, decode_arguments
from chatbot.jobs.message import ForgedJob, Message

NOTHING = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
MESSAGE = Message("documents", "application/json", "utf-8", json.dumps([[], {"document": "d"}, NOTHING]).encode(), {})


def test_a_job_s_arguments_are_decoded() -> None:
    assert decode_arguments(MESSAGE) == {"document": "d"}


@pytest.mark.parametrize(
    "body",
    [
        [[], {}, {"callbacks": [{"task": "x"}]}], [[], {}, {"chain": [{"task": "x"}]}], [[], {}, {"chord": {"task": "x"}}],
        [[], {}, {"errbacks": ["x"]}], [["positional"], {}, {}], [[], [], {}], [[], {}], {}, "x", None,
    ],
)  # fmt: skip
def test_a_job_may_carry_nothing_beside_its_arguments(body: Any) -> None:
    with pytest.raises(ForgedJob):
        decode_arguments(replace(MESSAGE, body=json.dumps(body).encode()))


@pytest.mark.parametrize("body", [b"", b"\x80\x04N.", b"[" * 60_000, b"!!python/object:os.system", b"\xff"])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(ForgedJob, match="malformed"):
        decode_arguments(replace(MESSAGE, body=body))


@pytest.mark.parametrize(
    "kind", ["application/x-python-serialize", "application/x-yaml", "application/json; x", "", "*/*"]
)
def test_only_json_is_decoded_whatever_the_message_says(kind: str) -> None:
    with pytest.raises(ForgedJob, match="not JSON"):
        decode_arguments(replace(MESSAGE, content_type=kind))


def test_the_carrier_accepts_nothing_else_either() -> None:
    assert ACCEPTED == ["json"]
