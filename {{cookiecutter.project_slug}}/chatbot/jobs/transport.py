"""The carrier under Celery: takes messages off Valkey, and refuses what is not shaped like one (control queue-tamper).

A stock worker dies of a list entry that is no message. Here it is kept, capped in number and size, for a
person to look at, and the worker goes on. Hook: `kombu.transport.redis.Channel._brpop_read` (kombu 5.7),
which is private; a contract test runs against the installed version.
"""

import base64
import json
import logging
import secrets
import time
from typing import Any

from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import redis as kombu_redis
from kombu.transport.redis import Empty, bytes_to_str
from redis.exceptions import RedisError

from chatbot.jobs.envelope import QUEUE_HEADER
from chatbot.monitoring.refusals import note_refusal

REFUSED = "refused"
NAME = "guarded"
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
            payload = _shaped(raw, queue)
        except Exception as error:  # whatever a hostile entry provokes, the worker goes on
            with self.conn_or_acquire() as client:
                refuse(client, "queue-tamper", f"malformed: {type(error).__name__}", raw, queue)
            return
        self.connection._deliver(payload, queue)


class GuardedTransport(kombu_redis.Transport):
    """The Valkey transport with the guarded channel; its name in a broker address is `guarded`."""

    Channel = GuardedChannel


TRANSPORT_ALIASES[NAME] = f"{__name__}:GuardedTransport"


def refuse(client: Any, control: str, reason: str, raw: bytes | str, queue: str | None) -> None:
    """Keep a message that `control` refused for review, and log that it was. Never raises: the worker must go on."""
    content = raw.decode("utf-8", "backslashreplace") if isinstance(raw, bytes) else raw
    entry = json.dumps({"reason": reason, "queue": queue, "time": time.time(), "raw": content[:_MOST_KEPT_BYTES]})
    note_refusal(control, reason)
    try:
        client.lpush(REFUSED, entry)
        # kombu's client puts the prefix before the key of LPUSH, and forgets it for LTRIM
        client.ltrim(f"{client.global_keyprefix}{REFUSED}", 0, _MOST_REFUSED - 1)
    except RedisError as error:
        _log.error("a refused job could not be kept", extra={"cause": type(error).__name__})


def _shaped(raw: bytes, queue: str) -> dict[str, Any]:
    """Return a new message in kombu's virtual-transport form, made of what is known and checked, or raise."""
    if len(raw) > _MOST_WIRE_BYTES:
        raise ValueError("too large")
    payload = json.loads(bytes_to_str(raw))  # plain JSON: kombu's own decoder also builds typed objects
    body, headers, properties = payload["body"], payload["headers"], payload["properties"]
    kept = {name: properties.get(name) for name in ("correlation_id", "reply_to")}
    texts = [body, payload["content-type"], payload["content-encoding"], *(text or "" for text in kept.values())]
    if not isinstance(headers, dict) or not all(isinstance(text, str) for text in texts):
        raise TypeError("a part is of the wrong kind")
    if "compression" in headers:
        raise ValueError("compressed")  # kombu would unpack it before anything is verified: a bomb
    base64.b64decode(body, validate=True)
    return {
        "body": body,
        "content-type": payload["content-type"],
        "content-encoding": payload["content-encoding"],
        "headers": headers | {QUEUE_HEADER: queue},
        "properties": kept
        | {
            "body_encoding": "base64",
            "delivery_info": {"exchange": "", "routing_key": queue},
            "priority": 0,
            # a tag chosen by an attacker could collide with a live one and acknowledge somebody else's job
            "delivery_tag": secrets.token_urlsafe(16),
        },
    }
