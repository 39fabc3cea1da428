"""The two scripts that hold rates, budgets and sessions in Valkey. They are preloaded and called by digest only."""

import hashlib
from pathlib import Path
from typing import Any, cast

import orjson
from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from chatbot.core.errors import Unavailable


def _read(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _digest(script: str) -> str:
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()  # Valkey's name for a script


GATE, SETTLE = _read("gate.lua"), _read("settle.lua")
_GATE, _SETTLE = _digest(GATE), _digest(SETTLE)


class Counters:
    """Calls the scripts. Whatever keeps them from running is `Unavailable`: closed, a bill is worse than an outage."""

    def __init__(self, valkey: "Redis[bytes]") -> None:
        self._valkey = valkey

    async def gate(self, session: str, now: int, idle: int, known: bytes, asked: bytes) -> list[bytes]:
        """Run `gate.lua`, whose first lines say what goes in and comes out; `now` in milliseconds."""
        keys = (session,) if session else ()
        return cast(list[bytes], await self._run(_GATE, len(keys), *keys, now, idle, known, asked))

    async def settle(self, settled: dict[str, Any]) -> None:
        """Run `settle.lua`."""
        await self._run(_SETTLE, 0, orjson.dumps(settled))

    async def read(self, key: str, fields: list[str]) -> list[bytes | None]:
        """Return the fields of a counter."""
        try:
            found: list[bytes | None] = await self._valkey.hmget(key, fields)
        except RedisError as error:
            raise Unavailable("Counters cannot be read just now. Try again in a moment.") from error
        return found

    async def write(self, key: str, field: str, value: str, *, seconds: int, overwrite: bool) -> None:
        """Set a field of a counter that lives for `seconds`; one that is there already stays, unless `overwrite`."""
        try:
            async with self._valkey.pipeline() as together:
                (together.hset if overwrite else together.hsetnx)(key, field, value)
                await together.expire(key, seconds).execute()
        except RedisError as error:
            raise Unavailable("Counters cannot be changed just now. Try again in a moment.") from error

    async def _run(self, digest: str, keys: int, *values: str | int | bytes) -> object:
        try:
            found: object = await self._valkey.evalsha(digest, keys, *values)
            return found
        except NoScriptError as error:
            raise Unavailable("The scripts are not loaded into Valkey: restart the stack.") from error
        except RedisError as error:
            raise Unavailable("Sessions and limits cannot be checked just now. Try again in a moment.") from error
