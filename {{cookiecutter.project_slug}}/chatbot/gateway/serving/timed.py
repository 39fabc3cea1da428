"""Connections that must get on (part of control api-capacity): a uvicorn protocol that counts and times every byte.

Stops: clients that send a head byte by byte or without end, chunk extensions and trailers without end, requests behind
requests, readers that take nothing and hold a stream open, and more connections than the process, or one address, may
have. Trailers are dropped: a field that came after the body was judged by nobody (RFC 9110, section 6.5.1). One request
at a time: one that comes before the last has its answer is not read, and the connection ends with that answer (a client
then asks again: RFC 9112, section 9.3.2). uvicorn bounds only the idle time between requests. Fails closed: whoever is
late is disconnected, which also stops the model that answers them.
"""

import asyncio
from collections import Counter
from typing import ClassVar, TypeVar
from urllib.parse import urlsplit

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from chatbot.config.limits import LimitsSettings
from chatbot.gateway.access.client import Networks, client_bucket, is_listed
from chatbot.gateway.middleware.headers import policy_headers
from chatbot.gateway.serving.lingering import LingeringTransport
from chatbot.monitoring.refusals import note_refusal

_MAX_HEAD_BYTES = 64 * 1024
_MAX_IGNORED_BYTES = 64 * 1024  # of what comes too early, or after a refusal


class _Refused(Exception):
    """Ends the parser's work on what it was given; the answer, if there is one, is on its way."""


class TimedProtocol(HttpToolsProtocol):
    """One connection."""

    limits: ClassVar[LimitsSettings]
    proxies: ClassVar[Networks]
    refusal_headers: ClassVar[bytes]
    open_by_client: ClassVar[Counter[str]]  # of one port

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        """Take a connection, if there is room for it."""
        self._head_timer: asyncio.TimerHandle | None = None
        self._reader_timer: asyncio.TimerHandle | None = None
        self._arrived_bytes = 0  # since the last request's head, or its end
        self._body_bytes = 0  # of these
        self._ignored_bytes = 0
        self._in_body = False
        self._is_over = False  # nothing more is read as a request
        self._lingering = LingeringTransport(transport, self.limits.head_seconds, self._is_still_sent)
        super().connection_made(self._lingering)
        self._client = client_bucket(self.client[0] if self.client else "")
        self.open_by_client[self._client] += 1
        if len(self.connections) > self.limits.most_connections:
            self._refuse("connections", b"503 Service Unavailable\r\nretry-after: 1")
        elif self._has_too_many():
            self._refuse("connections of one address", b"503 Service Unavailable\r\nretry-after: 1")
        else:
            self._expect_head()

    def _has_too_many(self) -> bool:
        if self.client and is_listed(self.client[0], self.proxies):
            return False  # its connections are everybody's
        return self.open_by_client[self._client] > self.limits.max_connections_per_address

    def data_received(self, data: bytes) -> None:
        """Read what may come now; everything has a size, and a head also a time."""
        if self._is_over:
            self._ignore(len(data))
            return
        if self._head_timer is None and (self.cycle is None or self.cycle.response_complete):
            self._expect_head()  # the next request on a kept connection, or what is left of a body refused unread
        self._arrived_bytes += len(data)
        super().data_received(data)
        # what frames a body may be as much as itself, for whoever sends it line by line, each in a chunk
        if self._arrived_bytes > _MAX_HEAD_BYTES + 2 * self._body_bytes and not self._is_over:
            self._refuse_framing()

    def on_message_begin(self) -> None:
        """Begin a request, unless the one before it has no answer yet."""
        if self._is_answering():
            note_refusal("api-capacity", "a request before the answer to the last")
            self._is_over = True
            self.cycle.keep_alive = False
            raise _Refused
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; a trailer is none."""
        if not self._in_body:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin the request: its head was whole in time."""
        if self._arrived_bytes > _MAX_HEAD_BYTES and self._head_size() > _MAX_HEAD_BYTES:
            self._refuse_framing()
            raise _Refused
        self._stop_head_timer()
        self._take_host_of_target()
        self._in_body = True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body, which is counted where its route is known."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request: what comes next is a head again."""
        self._in_body = False
        if self._head_timer is not None:  # it was answered before
            self._stop_head_timer()
            self._expect_head()
        super().on_message_complete()
        self._lingering.finish()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, unless it was refused already."""
        if not self._is_over:
            self._refuse("not HTTP", b"400 Bad Request")

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
        self.open_by_client[self._client] -= 1
        if not self.open_by_client[self._client]:
            del self.open_by_client[self._client]
        self._lingering.forget()
        super().connection_lost(exc)

    def _is_still_sent(self) -> bool:
        return self._in_body or self._is_over

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _ignore(self, count: int) -> None:
        self._ignored_bytes += count
        if self._ignored_bytes > _MAX_IGNORED_BYTES:
            self.transport.abort()

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _take_host_of_target(self) -> None:
        """Put an absolute target's host beside the header's (RFC 9112, section 3.2.2): two that differ are refused."""
        if self.url[:1] == b"/" or b"://" not in self.url:
            return
        host = urlsplit(self.url).netloc
        if (b"host", host) not in self.headers:
            self.headers.append((b"host", host))

    def _expect_head(self) -> None:
        self._arrived_bytes = self._body_bytes = 0
        self._head_timer = self.loop.call_later(self.limits.head_seconds, self._give_up_head)

    def _give_up_head(self) -> None:
        if self._in_body:
            note_refusal("api-capacity", "a refused body too slow")
            self.transport.abort()  # it has its answer
        else:
            self._refuse("a head too slow", b"408 Request Timeout")

    def _give_up_reader(self) -> None:
        note_refusal("api-capacity", "a reader too slow")
        self.transport.abort()  # what is buffered is dropped: nobody takes it

    def _refuse_framing(self) -> None:
        if self._in_body:
            self._refuse("a body that is mostly none", b"400 Bad Request")
        else:
            self._refuse("a head without end", b"431 Request Header Fields Too Large")

    def _refuse(self, why: str, status: bytes) -> None:
        note_refusal("api-capacity", why)
        self._stop_head_timer()
        self._is_over = True
        if self._is_answering() and self.cycle.response_started:
            self.transport.abort()  # a second status would be read as a part of the answer
        elif not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 %b\r\n%b" % (status, self.refusal_headers))
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


def with_limits(
    protocol: type[Protocol], settings: LimitsSettings, *, proxies: Networks = (), https: bool = False
) -> type[Protocol]:
    """Return a protocol with these limits, for uvicorn's `http`. Listed proxies may open any number of connections."""
    headers = [*policy_headers(https=https), (b"cache-control", b"no-store"), (b"connection", b"close")]
    lines = b"".join(b"%b: %b\r\n" % pair for pair in headers)
    members = {
        "limits": settings,
        "proxies": tuple(proxies),
        "refusal_headers": lines + b"content-length: 0\r\n\r\n",
        "open_by_client": Counter(),
    }
    return type("Limited", (protocol,), members)
