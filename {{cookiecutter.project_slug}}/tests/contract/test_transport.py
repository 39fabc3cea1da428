"""The carrier under Celery, against the real Valkey: nothing that lies there stops it (queue-tamper)."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chatbot.config.settings import ValkeySettings
from chatbot.jobs.queue import make_celery
from development.stack import Stack

PREFIX = "contract:"  # beside the stack's own queue, which its worker empties
VISIBLE_SECONDS = 50
LATE = 1_000_000_000.0  # long ago
KEYS = ("documents", "unacked", "unacked_index", "unacked_mutex", "refused", "_kombu.binding.documents")


def wire(**changes: Any) -> dict[str, Any]:
    body = base64.b64encode(b"[[], {}, {}]").decode()
    properties = {"delivery_info": {"exchange": "", "routing_key": "documents"}, "delivery_tag": "1", "priority": 0}
    plain = {"body": body, "content-type": "application/json", "content-encoding": "utf-8", "headers": {"id": "good"}}
    return {**plain, "properties": properties} | changes


GOOD = json.dumps([wire(), "", "documents"])
BAD: dict[str, bytes] = {
    "null": b"null", "a number": b"1", "garbage": b"garbage", "no UTF-8": b"\xff\xfe", "empty": b"", "two": b"[1,2]",
    "four": b"[1,2,3,4]", "none": b"[]", "an object": b"{}", "a text": b'"abc"', "deep": b"[" * 100_000,
    "no message": b'[null,"","documents"]', "a list": b'[[],"","documents"]', "no properties": b'[{},"","documents"]',
    "another queue": json.dumps([wire(), "", "elsewhere"]).encode(), "no queue": json.dumps([wire(), "", None]).encode(),
    "a queue of another type": json.dumps([wire(), "", ["documents"]]).encode(),
    "an exchange": json.dumps([wire(), "celery", "documents"]).encode(),
    "no exchange": json.dumps([wire(), None, "documents"]).encode(),
    "a key": json.dumps([wire(), "", "refused"]).encode(),
    "compressed": json.dumps([wire(headers={"compression": "application/x-bz2"}), "", "documents"]).encode(),
    "no headers": json.dumps([wire(headers=None), "", "documents"]).encode(),
    "a typed object": b'[{"__type__":"decimal","__value__":"x"},"","documents"]',
    "too large": json.dumps([wire(body="A" * 400_000), "", "documents"]).encode(),
}  # fmt: skip


@pytest.fixture
def admin(stack: Stack) -> Iterator[Any]:
    with stack.jobs.connect() as client:
        yield client
        for key in (*KEYS, "other"):
            client.delete(PREFIX + key)


@pytest.fixture
def channel(stack: Stack, admin: Any) -> Iterator[Any]:
    settings = ValkeySettings(socket=stack.jobs.socket)
    app = make_celery(settings, "admin", stack.secrets["jobs_admin_password"])
    options = app.conf.broker_transport_options | {"global_keyprefix": PREFIX, "visibility_timeout": VISIBLE_SECONDS}
    app.conf.broker_transport_options = options
    with app.connection_for_read() as connection:
        yield connection.channel()


def keep(admin: Any, tag: str, entry: str | bytes, at: float | None = LATE) -> None:
    admin.hset(PREFIX + "unacked", tag, entry)
    if at is not None:
        admin.zadd(PREFIX + "unacked_index", {tag: at})


def queued(admin: Any) -> list[str]:
    """Return the ids of the messages in the queue."""
    return [json.loads(raw)["headers"]["id"] for raw in admin.lrange(PREFIX + "documents", 0, -1)]


@pytest.mark.parametrize("name", BAD)
def test_an_unfinished_job_that_is_none_is_refused_and_the_others_are_restored(
    admin: Any, channel: Any, name: str
) -> None:
    # before and behind the good one, in either order that they could be looked at
    keep(admin, "a", BAD[name], LATE - 5)
    keep(admin, "b", GOOD)
    keep(admin, "c", BAD[name], LATE + 5)
    channel.qos.restore_visible()
    assert queued(admin) == ["good"]
    assert admin.llen(PREFIX + "refused") == (0 if name == "empty" else 2)
    assert not admin.exists(PREFIX + "unacked", PREFIX + "unacked_index")


TIMES = [LATE, 0, -1e300, float("-inf"), float("inf"), 1e300, 4_000_000_000.0, None]


@pytest.mark.parametrize("at", TIMES, ids=["late", "0", "early", "-inf", "inf", "endless", "tomorrow", "none"])
def test_no_time_in_the_index_keeps_a_job_from_being_delivered_again(
    admin: Any, channel: Any, at: float | None
) -> None:
    keep(admin, "a", GOOD, at)
    channel.qos.restore_visible()
    if at is None:  # its time begins when it is found
        assert queued(admin) == []
        assert admin.zscore(PREFIX + "unacked_index", "a") == pytest.approx(time.time(), abs=30)
        admin.zadd(PREFIX + "unacked_index", {"a": LATE})
        channel.qos.restore_visible()
    assert queued(admin) == ["good"]


def test_what_is_being_done_is_left_alone(admin: Any, channel: Any) -> None:
    keep(admin, "a", GOOD, time.time() - VISIBLE_SECONDS + 20)
    admin.zadd(PREFIX + "unacked_index", {"nothing": LATE})
    channel.qos.restore_visible()
    assert queued(admin) == []
    assert (admin.hlen(PREFIX + "unacked"), admin.zcard(PREFIX + "unacked_index")) == (1, 1)


def take(channel: Any) -> list[Any]:
    """Take what is in the queue as a worker does, and return the messages."""
    taken: list[Any] = []
    channel.basic_consume("documents", no_ack=False, callback=taken.append, consumer_tag="x")
    channel.connection.client.ensure_connection()
    for _ in range(4):
        try:
            channel.connection.client.drain_events(timeout=0.2)
        except (TimeoutError, OSError):
            break
    return taken


def as_list(admin: Any, key: str) -> None:
    admin.rpush(key, "x")


def as_text(admin: Any, key: str) -> None:
    admin.set(key, "x")


def as_hash(admin: Any, key: str) -> None:
    admin.hset(key, "x", "y")


@pytest.mark.parametrize("spoil", [as_list, as_text, as_hash])
@pytest.mark.parametrize("key", KEYS)
def test_a_key_of_another_type_stops_neither_delivery_nor_redelivery(
    admin: Any, channel: Any, key: str, spoil: Callable[[Any, str], None]
) -> None:
    spoil(admin, PREFIX + key)
    take(channel)
    channel.qos.restore_visible()
    admin.lpush(PREFIX + "documents", json.dumps(wire()), b"null")
    (message,) = take(channel)
    assert admin.lrange(PREFIX + "refused", 0, -1)  # what is no message
    admin.zadd(PREFIX + "unacked_index", {message.delivery_tag: LATE})
    channel.qos.restore_visible()
    (again,) = take(channel)
    assert (message.headers["id"], again.headers["id"], again.headers["redelivered"]) == ("good", "good", True)


def test_a_tag_of_the_sender_s_choice_acknowledges_nobody_else_s_job(admin: Any, channel: Any) -> None:
    admin.lpush(PREFIX + "documents", json.dumps(wire()))
    (first,) = take(channel)
    forged = wire(headers={"id": "forged"})
    forged["properties"] = {**forged["properties"], "delivery_tag": first.delivery_tag}
    admin.lpush(PREFIX + "documents", json.dumps(forged), json.dumps(forged))
    second, third = take(channel)
    assert len({first.delivery_tag, second.delivery_tag, third.delivery_tag}) == 3
    second.reject()
    third.ack()
    assert list(admin.hgetall(PREFIX + "unacked")) == [first.delivery_tag.encode()]


@pytest.mark.parametrize(("leftmost", "order"), [(True, ["good", "later"]), (False, ["later", "good"])])
def test_a_job_that_is_given_back_lies_behind_those_that_wait_and_one_that_was_lost_before(
    admin: Any, channel: Any, leftmost: bool, order: list[str]
) -> None:
    keep(admin, "a", GOOD)
    admin.lpush(PREFIX + "documents", json.dumps(wire(headers={"id": "later"})))
    channel.qos.restore_by_tag("a", leftmost=leftmost)
    assert queued(admin) == order  # taken from the right
    assert not admin.exists(PREFIX + "unacked", PREFIX + "unacked_index")
