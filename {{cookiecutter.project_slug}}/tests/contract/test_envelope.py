"""The signed job envelope at its own seam (queue-tamper)."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chatbot.jobs.envelope import HEADER, JobSigner, JobVerifier
from chatbot.jobs.message import ForgedJob, Message

SEED, OTHER = b"a" * 32, b"b" * 32
BODY = json.dumps([[], {"document": "d"}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]).encode()
HEADERS = {"task": "documents.ingest", "id": "1", "eta": None, "retries": 0, "timelimit": [None, None], "expires": None}
MESSAGE = Message("documents", "application/json", "utf-8", BODY, HEADERS, "c", "r")


def signed(message: Message = MESSAGE, seed: bytes = SEED, producer: str = "gateway", at: float = 1000.0) -> Message:
    header = JobSigner(producer, seed, 60, lambda: at).sign(message)
    return replace(message, headers={**message.headers, HEADER: header})


def verifier(now: float = 1000.0) -> JobVerifier:
    keys = {
        name: Ed25519PrivateKey.from_private_bytes(seed).public_key()
        for name, seed in (("gateway", SEED), ("other", OTHER))
    }
    return JobVerifier(keys, clock=lambda: now)


def test_a_genuine_job_opens() -> None:
    verifier().verify(signed())


def test_redelivery_by_the_broker_does_not_break_it() -> None:
    message = signed()
    verifier().verify(replace(message, headers={**message.headers, "redelivered": True}))


def tampered() -> list[Any]:
    message = signed()
    header = message.headers[HEADER]
    changes: list[Any] = [
        replace(message, queue="elsewhere"),
        replace(message, content_type="application/x-python-serialize"),
        replace(message, content_encoding="binary"),
        replace(message, body=BODY.replace(b'"d"', b'"e"')),
        replace(message, body=b"x" * 70_000),
        replace(message, correlation_id="x"),
        replace(message, reply_to="x"),
        replace(message, headers={}),
    ]
    changes += [replace(message, headers={**message.headers, name: "changed"}) for name in HEADERS]
    changes += [
        replace(message, headers={k: v for k, v in message.headers.items() if k != name}) for name in [*HEADERS, HEADER]
    ]
    changes += [replace(message, headers={**message.headers, "shadow": "new header"})]
    for value in (
        header | {"producer": "other"}, header | {"producer": "nobody"}, header | {"producer": ["gateway"]},
        header | {"expires": 9_999_999_999}, header | {"issued": 0}, header | {"expires": "soon"}, header | {"expires": True},
        header | {"signature": "!"}, header | {"signature": ""}, header | {"signature": None}, header | {"extra": 1},
        {k: v for k, v in header.items() if k != "signature"}, "x", None, [], {},
        header | {"signature": base64.b64encode(b"\0" * 64).decode()},
    ):  # fmt: skip
        changes.append(replace(message, headers={**message.headers, HEADER: value}))
    return changes


@pytest.mark.parametrize("message", tampered(), ids=range(len(tampered())))
def test_whatever_is_changed_after_signing_is_refused(message: Message) -> None:
    with pytest.raises(ForgedJob):
        verifier().verify(message)


@pytest.mark.parametrize("now", [900.0, 1100.0])
def test_before_its_time_and_after_its_life_it_is_refused(now: float) -> None:
    with pytest.raises(ForgedJob, match="expired"):
        verifier(now).verify(signed())


def test_a_producer_may_ask_only_for_its_own_tasks() -> None:
    with pytest.raises(ForgedJob, match="not permitted"):
        verifier().verify(signed(producer="other", seed=OTHER))
    for message in (
        replace(MESSAGE, headers={**HEADERS, "task": "celery.backend_cleanup"}),
        replace(MESSAGE, queue="admin"),
    ):
        with pytest.raises(ForgedJob, match="not permitted"):
            verifier().verify(signed(message))
