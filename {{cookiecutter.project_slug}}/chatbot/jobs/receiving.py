"""The worker's side inside Celery: nothing is decoded, let alone run, before it is verified (control queue-tamper).

Hook: `Consumer.create_task_handler` (Celery 5.7), under a contract test. Fails closed: what does not verify
is refused and kept for review.
"""

import json
from collections.abc import Callable
from typing import Any

from celery.worker.consumer.consumer import Consumer

from chatbot.jobs.decoding import decode_arguments
from chatbot.jobs.envelope import QUEUE_HEADER, JobVerifier
from chatbot.jobs.message import ForgedJob, Message
from chatbot.jobs.transport import refuse


class VerifyingConsumer(Consumer):
    """Celery's consumer with a verifier at `app.conf.job_verifier`."""

    def create_task_handler(self, *arguments: Any, **options: Any) -> Callable[[Any], Any]:
        """Return the handler that Celery calls for each message: verify first, then as usual."""
        handle = super().create_task_handler(*arguments, **options)
        verifier: JobVerifier = self.app.conf.job_verifier

        def handle_verified(message: Any) -> Any:
            opened = _as_message(message)
            try:
                verifier.verify(opened)
                decode_arguments(opened)
                if message.headers["task"] not in self.app.tasks:
                    raise ForgedJob("unknown task")
            except ForgedJob as error:
                with message.channel.conn_or_acquire() as client:
                    refuse(client, error.control, str(error), _text_of(message), message.headers.get(QUEUE_HEADER))
                return message.reject(requeue=False)
            return handle(message)

        return handle_verified


def _text_of(message: Any) -> str:
    try:
        return json.dumps(message._raw, default=str)
    except RecursionError:
        return "nested too deeply to be kept"


def _as_message(message: Any) -> Message:
    body = message.body if isinstance(message.body, bytes) else str(message.body).encode()
    headers = message.headers if isinstance(message.headers, dict) else {}
    return Message(
        str(headers.get(QUEUE_HEADER)),
        message.content_type,
        message.content_encoding,
        body,
        headers,
        message.properties.get("correlation_id"),
        message.properties.get("reply_to"),
    )
