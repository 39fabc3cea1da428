"""Connections that must get on (part of control api-capacity): a uvicorn protocol with time-outs and bounds.

Stops: clients that send a request's head byte by byte, or without end, readers that take nothing and hold a stream
open, and more connections than the process can serve. uvicorn bounds only the idle time between requests. Fails closed:
whoever is late is disconnected, which also stops the model that answers them.
"""

import asyncio
from typing import ClassVar, TypeVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from chatbot.config.limits import LimitsSettings
from chatbot.monitoring.refusals import note_refusal

_MOST_HEAD_BYTES = 64 * 1024
_REFUSED = b"HTTP/1.1 %b\r\nconnection: close\r\ncontent-length: 0\r\ncache-control: no-store\r\n\r\n"


class TimedProtocol(HttpToolsProtocol):
    """One connection."""

    limits: ClassVar[LimitsSettings]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        """Take a connection, if there is room for it."""
        self._head_timer: asyncio.TimerHandle | None = None
        self._reader_timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._in_body = False
        super().connection_made(transport)
        if len(self.connections) > self.limits.most_connections:
            self._refuse("connections", b"503 Service Unavailable\r\nretry-after: 1")
        else:
            self._expect_head()

    def data_received(self, data: bytes) -> None:
        """Read; a head has a time and a size."""
        if self._head_timer is None and (self.cycle is None or self.cycle.response_complete):
            self._expect_head()  # the next request on a kept connection, or what is left of a body refused unread
        if not self._in_body:  # a body is counted where its route is known
            self._head_bytes += len(data)
        super().data_received(data)
        if self._head_timer is not None and self._head_bytes > _MOST_HEAD_BYTES:
            self._refuse("a head without end", b"431 Request Header Fields Too Large")

    def on_headers_complete(self) -> None:
        """Begin the request: its head was whole in time."""
        self._stop_head_timer()
        self._in_body = True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End the request: what comes next is a head again."""
        self._in_body = False
        if self._head_timer is not None:  # it was answered before
            self._stop_head_timer()
            self._expect_head()
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Give a reader whose buffers are full some time to go on."""
        self.flow.pause_writing()
        self._reader_timer = self.loop.call_later(self.limits.reader_seconds, self._give_up_reader)

    def resume_writing(self) -> None:
        """Go on: the reader does."""
        self._stop_reader_timer()
        self.flow.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_head_timer()
        self._stop_reader_timer()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        self._head_bytes = 0
        self._head_timer = self.loop.call_later(self.limits.head_seconds, self._give_up_head)

    def _give_up_head(self) -> None:
        if self._in_body:
            note_refusal("api-capacity", "a refused body too slow")
            self.transport.close()  # it has its answer
        else:
            self._refuse("a head too slow", b"408 Request Timeout")

    def _give_up_reader(self) -> None:
        note_refusal("api-capacity", "a reader too slow")
        self.transport.abort()  # what is buffered is dropped: nobody takes it

    def _refuse(self, why: str, status: bytes) -> None:
        note_refusal("api-capacity", why)
        self._stop_head_timer()
        if not self.transport.is_closing():
            self.transport.write(_REFUSED % status)
            self.transport.close()

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_reader_timer(self) -> None:
        if self._reader_timer is not None:
            self._reader_timer.cancel()
            self._reader_timer = None


Protocol = TypeVar("Protocol", bound=TimedProtocol)


def with_limits(protocol: type[Protocol], settings: LimitsSettings) -> type[Protocol]:
    """Return a protocol with these limits, for uvicorn's `http`."""
    return type("Limited", (protocol,), {"limits": settings})
