"""Signed job messages (control queue-tamper).

Stops: whoever can write to the broker running a job of their own, or another person's job under other
arguments, another name, another queue or another time. The producer signs the body and every header that
decides what runs with Ed25519 (RFC 8032); the worker verifies before anything is decoded. Fails closed:
what does not verify is never run.

Celery's own `auth` serializer signs the body only: name, id, eta and retries travel unsigned there.
"""

import base64
import binascii
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from chatbot.jobs.message import ForgedJob, Message

HEADER = "x-job-signature"
QUEUE_HEADER = "x-job-queue"  # set by the receiving side from the list that the message was taken from
_UNSIGNED = frozenset({HEADER, QUEUE_HEADER, "redelivered"})
_MOST_BYTES = 64 * 1024
_SKEW_SECONDS = 30

# which task each producer may ask for, and in which queue
PERMITTED: dict[str, frozenset[tuple[str, str]]] = {"gateway": frozenset({("documents.ingest", "documents")})}


def public_key(seed: bytes) -> str:
    """Return what a verifier has to know of a producer's seed of 32 bytes, base64. Raises `ValueError`."""
    return base64.b64encode(Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()).decode()


class JobSigner:
    """Signs as one producer."""

    def __init__(self, producer: str, seed: bytes, life_seconds: int, clock: Callable[[], float] = time.time) -> None:
        self._producer = producer
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._life = life_seconds
        self._clock = clock

    def sign(self, message: Message) -> dict[str, Any]:
        """Return the value of the signature header for `message`."""
        issued = int(self._clock())
        claims = {"producer": self._producer, "issued": issued, "expires": issued + self._life}
        signature = self._key.sign(_signed_bytes(message, claims))
        return claims | {"signature": base64.b64encode(signature).decode()}


class JobVerifier:
    """Knows the producers' public keys and what each may ask for."""

    def __init__(
        self,
        producers: Mapping[str, Ed25519PublicKey],
        permitted: Mapping[str, frozenset[tuple[str, str]]] = PERMITTED,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._producers = producers
        self._permitted = permitted
        self._clock = clock

    def verify(self, message: Message) -> None:
        """Raise `ForgedJob` unless all is as signed, in its time, and permitted to its producer."""
        claims = message.headers.get(HEADER)
        if not isinstance(claims, dict):
            raise ForgedJob("unsigned")
        if len(message.body) > _MOST_BYTES:
            raise ForgedJob("too large")
        self._check_signature(message, claims)
        now = self._clock()
        if not claims["issued"] - _SKEW_SECONDS <= now <= claims["expires"] + _SKEW_SECONDS:
            raise ForgedJob("expired")
        wanted = (message.headers.get("task"), message.queue)
        if wanted not in self._permitted.get(claims["producer"], frozenset()):
            raise ForgedJob("task not permitted to this producer")

    def _check_signature(self, message: Message, claims: dict[str, Any]) -> None:
        try:
            key = self._producers[claims["producer"]]
            signature = base64.b64decode(claims["signature"], validate=True)
            if type(claims["issued"]) is not int or type(claims["expires"]) is not int or len(claims) != 4:
                raise ForgedJob("malformed signature")
            signed = _signed_bytes(message, {name: claims[name] for name in ("producer", "issued", "expires")})
            key.verify(signature, signed)
        except InvalidSignature:
            raise ForgedJob("bad signature") from None
        except (KeyError, TypeError, ValueError, binascii.Error, RecursionError):
            raise ForgedJob("malformed signature") from None


def _signed_bytes(message: Message, claims: Mapping[str, Any]) -> bytes:
    headers = {name: value for name, value in message.headers.items() if name not in _UNSIGNED}
    parts = [
        "job-v1",
        claims["producer"],
        claims["issued"],
        claims["expires"],
        message.queue,
        message.content_type,
        message.content_encoding,
        hashlib.sha256(message.body).hexdigest(),
        headers,
        message.correlation_id,
        message.reply_to,
    ]
    return json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
