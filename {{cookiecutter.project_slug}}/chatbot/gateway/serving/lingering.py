"""A connection that is closed while its client still sends (RFC 9112, section 9.6).

Closing at once resets it, and the reset can destroy the answer before the client has read it. So the end is said first;
what still comes is read and dropped until the client ends, or its time does.
"""

import asyncio
from collections.abc import Callable
from typing import Any


class LingeringTransport(asyncio.Transport):
    """A transport whose `close` lets a client that `is_sending` read its answer first."""

    def __init__(self, transport: asyncio.Transport, seconds: float, is_sending: Callable[[], bool]) -> None:
        super().__init__()
        self._transport = transport
        self._seconds = seconds
        self._is_sending = is_sending
        self._ending: asyncio.TimerHandle | None = None

    def close(self) -> None:
        """Close it, at once or when the client has ended."""
        if self.is_closing():
            return
        if self._is_sending() and self._transport.can_write_eof():
            self._ending = asyncio.get_running_loop().call_later(self._seconds, self._transport.abort)
            self._transport.write_eof()
            if not self._transport.is_reading():
                self._transport.resume_reading()  # the server was waiting for nobody to read a body
        else:
            self._transport.close()

    def finish(self) -> None:
        """Close it now if that was asked for: what the client had to send has come."""
        if self._ending is not None:
            self._transport.close()

    def forget(self) -> None:
        """Wait for nothing more: the connection is lost."""
        if self._ending is not None:
            self._ending.cancel()

    def is_closing(self) -> bool:
        """Say whether nothing more can be written."""
        return self._ending is not None or self._transport.is_closing()

    def abort(self) -> None:
        """Close it, and drop what is still to be written."""
        self._transport.abort()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send, unless the end has been said."""
        if self._ending is None:
            self._transport.write(data)

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - asyncio's
        """Return what the transport knows of itself."""
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        """Read no more for now."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        self._transport.resume_reading()
