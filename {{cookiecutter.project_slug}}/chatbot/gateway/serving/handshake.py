"""Handshakes of TLS, so many at once (part of control api-capacity).

Stops: connections that begin a handshake and never end it. Nobody counts them among the connections before they have,
and each holds a descriptor: without a bound they take those of every other port of the process. Fails closed: what is
too much is not accepted before another one is through or out of time; a handshake has the time of a request's head.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from chatbot.config.limits import LimitsSettings
from chatbot.monitoring.refusals import note_refusal

_SHARE = 4  # of the connections that there may be: the rest is for those who have proved themselves, and other ports
_GOODBYE_SECONDS = 1.0  # for the other end to answer that the connection ends
_PAUSE_SECONDS = 0.1  # when the machine has no descriptor left


class Handshakes:
    """Accepts a port's connections and hands each to a protocol of its own when its handshake is done."""

    def __init__(
        self,
        listener: socket.socket,
        context: ssl.SSLContext,
        limits: LimitsSettings,
        protocol: Callable[[], asyncio.Protocol],
    ) -> None:
        self._listener = listener
        self._context = context
        self._seconds = limits.head_seconds
        self._protocol = protocol
        self._room = asyncio.Semaphore(max(1, limits.most_connections // _SHARE))
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        """Begin to accept."""
        self._listener.setblocking(False)
        self._start(self._accept())

    def close(self) -> None:
        """Accept no more, and break off what has not come to its end."""
        for task in self._tasks:
            task.cancel()
        self._listener.close()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if self._room.locked():
                note_refusal("api-capacity", "handshakes")
            await self._room.acquire()
            try:
                connection, _ = await loop.sock_accept(self._listener)
            except OSError:  # gone again, or no descriptor left
                self._room.release()
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                self._start(self._shake_hands(connection))

    async def _shake_hands(self, connection: socket.socket) -> None:
        try:
            with suppress(OSError):  # broken off, too slow, or nobody whom the context trusts
                await asyncio.get_running_loop().connect_accepted_socket(
                    self._protocol,
                    connection,
                    ssl=self._context,
                    ssl_handshake_timeout=self._seconds,
                    ssl_shutdown_timeout=_GOODBYE_SECONDS,
                )
        finally:
            self._room.release()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
