"""An attacker who holds the password of one Valkey user: what its access list leaves them (queue-tamper)."""

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from development.stack import Stack


@pytest.mark.parametrize(("part", "user"), [("state", "gateway"), ("jobs", "gateway"), ("jobs", "worker")])
@pytest.mark.parametrize(
    "command",
    [
        ("EVAL", "return 1", "0"), ("SCRIPT", "LOAD", "return 1"), ("FUNCTION", "LIST"), ("CONFIG", "GET", "*"), ("KEYS", "*"),
        ("FLUSHALL",), ("FLUSHDB",), ("SHUTDOWN",), ("ACL", "LIST"), ("DEBUG", "SLEEP", "0"), ("MONITOR",), ("SAVE",),
        ("MODULE", "LIST"), ("CLIENT", "KILL", "ID", "1"), ("SET", "elsewhere", "1"), ("GET", "elsewhere"), ("REPLICAOF", "x", "1"),
        ("MIGRATE", "x", "1", "k", "0", "1"), ("SWAPDB", "0", "1"), ("SCAN", "0"), ("PUBLISH", "x", "y"), ("SELECT", "1"),
        ("CLIENT", "PAUSE", "1", "ALL"), ("CLIENT", "LIST"), ("CLIENT", "TRACKING", "ON"), ("FUNCTION", "FLUSH"), ("RESTORE", "x", "0", "y"),
    ],
    ids=lambda command: command[0],
)  # fmt: skip
def test_no_valkey_user_has_more_than_its_part(stack: Stack, part: str, user: str, command: tuple[str, ...]) -> None:
    with getattr(stack, part).connect(user) as client, pytest.raises(redis.exceptions.ResponseError):
        client.execute_command(*command)


@pytest.mark.parametrize(
    "command",
    [
        ("SET", "jobs:unacked", "x"), ("DEL", "jobs:unacked"), ("HSET", "jobs:unacked", "a", "b"), ("LPUSH", "jobs:unacked", "x"),
        ("LPUSH", "jobs:refused", "x"), ("RPOP", "jobs:documents"), ("LPUSH", "session:x", "y"), ("SADD", "session:x", "y"),
        ("DEL", "jobs:documents"), ("EXPIRE", "jobs:documents", "1"), ("LLEN", "jobs:documents"), ("LRANGE", "jobs:documents", "0", "1"),
        ("SADD", "jobs:_kombu.binding.documents", "x"), ("SET", "jobs:documents", "x"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_the_gateway_can_only_add_to_the_queue(stack: Stack, command: tuple[str, ...]) -> None:
    with stack.jobs.connect("gateway") as client, pytest.raises(redis.exceptions.ResponseError):
        client.execute_command(*command)


def test_the_worker_has_no_user_where_sessions_are(stack: Stack) -> None:
    for user in ("worker", "gateway"):
        password = stack.secrets[f"jobs_{user}_password"]
        client = redis.Redis(unix_socket_path=str(stack.state.socket), username=user, password=password)
        with client, pytest.raises(redis.exceptions.AuthenticationError):
            client.ping()


@pytest.mark.parametrize(
    "command",
    [("SET", "jobs:unacked_mutex", "x"), ("LPUSH", "jobs:fill", "x"), ("SADD", "jobs:documents", "x"), ("SET", "jobs:unacked", "x"),
     ("EVALSHA", "0" * 40, "0"), ("RPOP", "jobs:documents"), ("HGETALL", "jobs:unacked"), ("LRANGE", "jobs:documents", "0", "1")],
    ids=" ".join,
)  # fmt: skip
def test_the_worker_has_the_four_keys_that_it_needs(stack: Stack, command: tuple[str, ...]) -> None:
    with stack.jobs.connect("worker") as client, pytest.raises(redis.exceptions.NoPermissionError):
        client.execute_command(*command)


def test_without_a_password_nobody_enters(stack: Stack) -> None:
    for socket in (stack.state.socket, stack.jobs.socket):
        for options in ({}, {"username": "default", "password": ""}, {"username": "gateway", "password": "x"}):
            client = redis.Redis(unix_socket_path=str(socket), retry=Retry(NoBackoff(), 0), **options)
            with pytest.raises((redis.exceptions.AuthenticationError, redis.exceptions.NoPermissionError)):
                client.ping()
            client.close()
