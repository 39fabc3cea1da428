"""The worker's side inside Celery: nothing is decoded, let alone run, before it is verified.

Two hooks of kombu and Celery 5.7, both private and both under contract tests. The transport refuses what
would crash a stock worker (a message that is no message); the consumer refuses what does not verify.
Refused messages are kept, capped in number and size, for a person to look at; the worker goes on.
"""

import base64
import json
import logging
import secrets
import time
from collections.abc import Callable
from typing import Any

from celery.worker.consumer.consumer import Consumer
from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import redis as kombu_redis
from kombu.transport.redis import Empty, bytes_to_str, loads

from chatbot.jobs.envelope import QUEUE_HEADER, ForgedJob, JobVerifier, Message

REFUSED = "refused"
_MOST_REFUSED = 1000
_MOST_KEPT_BYTES = 8 * 1024
_MOST_WIRE_BYTES = 256 * 1024
_log = logging.getLogger("chatbot.jobs")


class GuardedChannel(kombu_redis.Channel):
    """Takes messages off a list, and refuses what is not shaped like one."""

    def _brpop_read(self, **options: Any) -> bool:
        try:
            try:
                taken = self.client.parse_response(self.client.connection, "BRPOP", **options)
            except self.connection_errors:
                self.client.connection.disconnect()
                raise
            if not taken:
                raise Empty
            self._accept(bytes_to_str(taken[0]).rsplit(self.sep, 1)[0], taken[1])
            return True
        finally:
            self._in_poll = None
            self._flush_brpop_reauth()

    def _get(self, queue: str) -> Any:
        raise NotImplementedError("messages are only taken by BRPOP, where they are checked")

    def _accept(self, queue: str, raw: bytes) -> None:
        self._queue_cycle.rotate(queue)
        try:
            payload = _shaped(raw)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            with self.conn_or_acquire() as client:
                refuse(client, f"malformed: {type(error).__name__}", raw, queue)
            return
        payload["headers"][QUEUE_HEADER] = queue
        # a tag chosen by an attacker could collide with a live one and acknowledge somebody else's job
        payload["properties"]["delivery_tag"] = secrets.token_urlsafe(16)
        self.connection._deliver(payload, queue)


class GuardedTransport(kombu_redis.Transport):
    """The Valkey transport with the guarded channel; its name in a broker address is `guarded`."""

    Channel = GuardedChannel


TRANSPORT_ALIASES["guarded"] = f"{__name__}:GuardedTransport"


class VerifyingConsumer(Consumer):
    """Celery's consumer with a verifier at `app.conf.job_verifier`."""

    def create_task_handler(self, *arguments: Any, **options: Any) -> Callable[[Any], Any]:
        """Return the handler that Celery calls for each message: verify first, then as usual."""
        handle = super().create_task_handler(*arguments, **options)
        verifier: JobVerifier = self.app.conf.job_verifier

        def handle_verified(message: Any) -> Any:
            try:
                verifier.open(_as_message(message))
                if message.headers["task"] not in self.app.tasks:
                    raise ForgedJob("unknown task")
            except ForgedJob as error:
                with message.channel.conn_or_acquire() as client:
                    refuse(client, str(error), json.dumps(message._raw, default=str), message.headers.get(QUEUE_HEADER))
                return message.reject(requeue=False)
            return handle(message)

        return handle_verified


def refuse(client: Any, reason: str, raw: bytes | str, queue: str | None) -> None:
    """Keep a refused message for review and log that it was."""
    content = raw.decode("utf-8", "backslashreplace") if isinstance(raw, bytes) else raw
    entry = json.dumps({"reason": reason, "queue": queue, "time": time.time(), "raw": content[:_MOST_KEPT_BYTES]})
    with client.pipeline() as pipe:
        pipe.lpush(REFUSED, entry)
        pipe.ltrim(REFUSED, 0, _MOST_REFUSED - 1)
        pipe.execute()
    _log.warning("job refused", extra={"reason": reason, "queue": queue})


def _shaped(raw: bytes) -> dict[str, Any]:
    """Return a message in kombu's virtual-transport form, or raise."""
    if len(raw) > _MOST_WIRE_BYTES:
        raise ValueError("too large")
    payload = loads(bytes_to_str(raw))
    properties = payload["properties"]
    if not isinstance(payload["headers"], dict) or not isinstance(payload["body"], str):
        raise TypeError("headers or body")
    if properties["body_encoding"] != "base64" or not isinstance(properties["delivery_info"], dict):
        raise ValueError("properties")
    base64.b64decode(payload["body"], validate=True)
    properties["delivery_info"]["routing_key"]
    return dict(payload)


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
