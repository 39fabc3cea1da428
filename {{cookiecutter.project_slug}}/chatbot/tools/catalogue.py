"""What a server offers now: its tools by name, kept for a bounded time, asked for once however many wait.

Fails closed: when a server does not answer in time, or lists a name twice, there is no such tool. A turn
waits only when no good list is kept; under steady use, a fresh one is fetched while the kept one is good.
"""

import asyncio
import hashlib
import logging
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from chatbot.core.untrusted import Untrusted
from chatbot.core.visible import visible_line
from chatbot.outbound.tool_service import ToolService
from chatbot.tools.exchange import Listed, list_tools

_log = logging.getLogger(__name__)
_GOOD_SECONDS = 60.0
_RENEW_SECONDS = 30.0
_RETRY_SECONDS = 3.0
_PATIENCE_SECONDS = 3.0
_MOST_DESCRIPTION = 300


@dataclass(frozen=True, slots=True)
class Definition:
    """A tool as its server describes it. `digest` is of the whole definition: what mcp-pin will hold."""

    description: Untrusted
    digest: str


class Catalogue:
    """The tools of one server."""

    def __init__(self, server: str, service: ToolService) -> None:
        self._server = server
        self._service = service
        self._known: Mapping[str, Definition] = {}
        self._good_until = 0.0
        self._renew_at = 0.0
        self._renewal: asyncio.Task[None] | None = None
        self._silent = False  # it did not answer last time: it is asked again, and no turn waits for it

    def begin(self) -> None:
        """Ask for a new list now, if nobody is asking; nobody waits here."""
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._renew())

    async def tools(self) -> Mapping[str, Definition]:
        """Return the server's tools by name; none when it does not answer."""
        now = time.monotonic()
        if now >= self._renew_at:
            self.begin()
        if self._renewal is not None and now >= self._good_until and not self._silent:
            done, _ = await asyncio.wait({self._renewal}, timeout=_PATIENCE_SECONDS)
            self._silent = self._silent or not done
        return self._known if time.monotonic() < self._good_until else {}

    async def close(self) -> None:
        """Stop asking."""
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.gather(self._renewal, return_exceptions=True)

    async def _renew(self) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                listed = await list_tools(self._service)
            self._known = describe(listed, self._server)
            self._good_until = time.monotonic() + _GOOD_SECONDS
            self._renew_at = time.monotonic() + _RENEW_SECONDS
            self._silent = False
        except Exception as error:  # closed: what is kept runs out, and then there are no tools
            self._silent = True
            self._renew_at = time.monotonic() + _RETRY_SECONDS
            why = str(error) or type(error).__name__
            _log.warning("tools not listed", extra={"server": self._server, "why": why})
        finally:
            self._renewal = None


def describe(listed: list[Listed], server: str) -> dict[str, Definition]:
    """Return the tools that are listed exactly once, described in one cleaned line each."""
    times = Counter(tool.name for tool in listed)
    if doubtful := len(times) - sum(1 for count in times.values() if count == 1):
        _log.warning("tools listed twice", extra={"server": server, "count": doubtful})
    return {
        tool.name: Definition(
            Untrusted(visible_line(tool.description, _MOST_DESCRIPTION), server),
            hashlib.sha256(tool.definition).hexdigest(),
        )
        for tool in listed
        if times[tool.name] == 1
    }
