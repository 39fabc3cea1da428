"""The carrier under Celery: takes messages off Valkey, and refuses what is not shaped like one (control queue-tamper).

A stock worker dies of a list entry that is no message, and one unfinished job that is none ends redelivery for all.
Here it is kept, capped in number and size, for a person to look at, and the worker goes on. A key that is of another
type than it should be is deleted: nothing can be in it. Hooks: `_brpop_read`, `_size`, `_queue_bind` and `get_table`
of `kombu.transport.redis.Channel`, and `QoS` (kombu 5.7), partly private; tests run against the installed version.
"""

import base64
import json
import logging
import secrets
import time
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, virtual
from kombu.transport import redis as kombu_redis
from kombu.transport.redis import Empty, bytes_to_str
from redis.exceptions import RedisError, ResponseError

from chatbot.jobs.envelope import PERMITTED, QUEUE_HEADER
from chatbot.monitoring.refusals import note_refusal

REFUSED = "refused"
NAME = "guarded"
_MOST_REFUSED = 1000
_MOST_KEPT_BYTES = 8 * 1024
_MOST_WIRE_BYTES = 256 * 1024
_MOST_RESTORED = 1000  # at once: meanwhile the worker takes no other job
_SKEW_SECONDS = 60
_QUEUES = frozenset(queue for permitted in PERMITTED.values() for _, queue in permitted)
_log = logging.getLogger("chatbot.jobs")


class GuardedQoS(kombu_redis.QoS):
    """Notes in Valkey what was delivered and is not finished, and delivers it again. Believes nothing found there."""

    def append(self, message: Any, delivery_tag: str) -> None:
        """Note a delivery. What cannot be noted is done all the same, though not again should the worker die of it."""
        try:
            super().append(message, delivery_tag)
        except ResponseError as error:  # no memory, or a key of another type
            with self.channel.conn_or_acquire() as client:
                repair(client, self.channel)
            _log.error("a delivery could not be noted", extra={"cause": type(error).__name__})
            virtual.QoS.append(self, message, delivery_tag)

    def restore_visible(self, *_arguments: Any, **_options: Any) -> None:
        """Deliver again what was delivered longer ago than a job may take. Two workers at it do no harm."""
        try:
            with self.channel.conn_or_acquire() as client:
                for tag in self._overdue(client):
                    self.restore_by_tag(tag, client)
        except ResponseError as error:
            _log.error("unfinished jobs could not be looked for", extra={"cause": type(error).__name__})
            with self.channel.conn_or_acquire() as client:
                repair(client, self.channel)

    def _overdue(self, client: Any) -> list[bytes]:
        """Return the tags whose time is up. A time in the future is none, and one that has none begins now."""
        now = time.time()
        index: dict[bytes, float] = dict(client.zrange(self.unacked_index_key, 0, -1, withscores=True))
        # kombu's client knows no prefix for this command
        found = set(client.hkeys(f"{client.global_keyprefix}{self.unacked_key}"))
        if orphans := found - set(index):
            client.zadd(self.unacked_index_key, dict.fromkeys(orphans, now))
        late = [tag for tag, at in index.items() if not now - self.visibility_timeout < at < now + _SKEW_SECONDS]
        return late[:_MOST_RESTORED]

    def restore_by_tag(self, tag: Any, client: Any = None, leftmost: bool = False) -> None:
        """Put an unfinished job back into its queue, or among the refused when it is none."""
        bad: list[bytes] = []

        def restore(pipe: Any) -> None:
            kept = pipe.hget(self.unacked_key, tag)
            bad.clear()  # tried again when another worker changed something meanwhile
            pipe.multi()
            self._remove_from_indices(tag, pipe)
            if kept:
                try:
                    queue, wire = _unfinished(kept)
                except Exception:  # whatever a hostile entry provokes, the others are restored
                    bad.append(kept)
                else:
                    (pipe.lpush if leftmost else pipe.rpush)(queue, wire)

        with self.channel.conn_or_acquire(client) as connected:
            connected.transaction(restore, self.unacked_key)
            for kept in bad:
                refuse(connected, "queue-tamper", "malformed: an unfinished job", kept, None)


class GuardedChannel(kombu_redis.Channel):
    """Takes messages off a list, and refuses what is not shaped like one."""

    QoS = GuardedQoS

    def _brpop_read(self, **options: Any) -> bool:
        try:
            try:
                taken = self.client.parse_response(self.client.connection, "BRPOP", **options)
            except self.connection_errors:
                self.client.connection.disconnect()
                raise
            except ResponseError:
                with self.conn_or_acquire() as client:
                    if not repair(client, self):
                        raise
                raise Empty from None
            if not taken:
                raise Empty
            self._accept(bytes_to_str(taken[0]).rsplit(self.sep, 1)[0], taken[1])
            return True
        finally:
            self._in_poll = None
            self._flush_brpop_reauth()

    def _get(self, queue: str) -> Any:
        raise NotImplementedError("messages are only taken by BRPOP, where they are checked")

    def _size(self, queue: str) -> int:
        return 0  # told to whoever declares a queue, and read by nobody

    def _queue_bind(self, *_arguments: Any) -> None:
        pass  # jobs are sent to a queue directly: there is no table of bindings that somebody could change

    def get_table(self, exchange: str) -> list[Any]:
        """Return no binding."""
        return []

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
        try:
            client.lpush(REFUSED, entry)
        except ResponseError:
            client.delete(REFUSED)  # no list, or no memory: what was refused is worth less than what is waiting
            client.lpush(REFUSED, entry)
        # kombu's client puts the prefix before the key of LPUSH, and forgets it for LTRIM
        client.ltrim(f"{client.global_keyprefix}{REFUSED}", 0, _MOST_REFUSED - 1)
    except RedisError as error:
        _log.error("a refused job could not be kept", extra={"cause": type(error).__name__})


def repair(client: Any, channel: Any) -> bool:
    """Delete those of our keys that are of another type than they should be, and say whether there were any."""
    probes = {key: client.llen for key in (*_QUEUES, REFUSED)}
    probes |= {channel.unacked_key: client.hlen, channel.unacked_index_key: lambda key: client.zrange(key, 0, 0)}
    found = False
    for key, probe in probes.items():
        try:
            probe(key)
        except ResponseError as error:
            if not str(error).startswith("WRONGTYPE"):
                raise
            note_refusal("queue-tamper", "a key of another type")
            client.delete(key)
            found = True
    return found


def _unfinished(kept: bytes) -> tuple[str, str]:
    """Return the queue and the message of an entry that `GuardedQoS` made, or raise."""
    message, exchange, queue = json.loads(bytes_to_str(kept))
    if exchange != "" or queue not in _QUEUES:
        raise ValueError("not one of our queues")
    restored = _shaped(json.dumps(message).encode(), queue)
    restored["headers"]["redelivered"] = True
    return queue, json.dumps(restored)


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
