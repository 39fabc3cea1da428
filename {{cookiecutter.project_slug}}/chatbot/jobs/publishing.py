"""The producer's side inside Celery: every message that leaves is signed.

Hook: `Celery.amqp._create_task_sender` (Celery 5.7), which is private; a contract test runs against the
installed version.
"""

import json
from typing import Any

from celery.app.amqp import AMQP
from kombu.serialization import dumps as serialise
from kombu.utils.json import dumps as to_json

from chatbot.jobs.envelope import HEADER, JobSigner
from chatbot.jobs.message import Message


class SigningAMQP(AMQP):
    """Celery's message maker, with a signer at `app.conf.job_signer`."""

    def _create_task_sender(self) -> Any:
        send = super()._create_task_sender()
        signer: JobSigner | None = self.app.conf.job_signer

        def send_signed(producer: Any, name: str, message: Any, **options: Any) -> Any:
            if signer is None:
                raise RuntimeError("this process has no signing key: it may not publish jobs")  # closed
            return send(_SigningProducer(producer, signer), name, message, **options)

        return send_signed


class _SigningProducer:
    """A kombu producer whose `publish` signs exactly what goes over the wire."""

    def __init__(self, producer: Any, signer: JobSigner) -> None:
        self._producer = producer
        self._signer = signer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._producer, name)

    def publish(self, body: Any, **options: Any) -> Any:
        """Serialise, sign, and hand on to kombu."""
        if options.get("exchange"):
            raise ValueError("jobs are sent to a queue directly, never through an exchange")
        options.pop("serializer", None)
        options.pop("compression", None)
        content_type, content_encoding, text = serialise(body, serializer="json")
        raw = text if isinstance(text, bytes) else text.encode()
        headers = json.loads(to_json(options.pop("headers", None) or {}))
        message = Message(
            options["routing_key"],
            content_type,
            content_encoding,
            raw,
            headers,
            options.get("correlation_id"),
            options.get("reply_to"),
        )
        headers[HEADER] = self._signer.sign(message)
        return self._producer.publish(
            raw, content_type=content_type, content_encoding=content_encoding, headers=headers, **options
        )
