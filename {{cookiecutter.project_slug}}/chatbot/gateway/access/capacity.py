"""How much at once (control api-capacity): requests under way in this process.

Stops: more work than the process has memory for, from however many clients, and one person, or one address without an
account, who takes all the places there are. Answers of one person in all processes are counted in the gate's round
trip, time-outs of connections are in `chatbot/gateway/serving/timed.py`, those of bodies in
`chatbot/gateway/middleware/body.py`, and an answer whose reader left is stopped by `chatbot/gateway/exchange.py`.
Fails closed: what is too much is refused before anything is done for it, with 503, or 429 to the one who has it.
"""

import asyncio
from collections import Counter, defaultdict
from contextlib import AsyncExitStack

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatbot.core.errors import Problem, Unavailable
from chatbot.gateway.access.client import client_address, client_bucket
from chatbot.monitoring.refusals import note_refusal

# of one person at a time: what is asked beyond waits, and others' come between. An address without an account may be
# that of a whole office, and some of its requests wait for the identity provider
_MAX_READS = 2
_READS = frozenset({"GET", "HEAD"})
_ALIVE = "/healthz"  # a busy process is not a dead one; at the services' port nobody asks that


class Overloaded(Unavailable):
    """The process has as much under way as it may."""

    title = "Too much at once"
    headers = ((b"retry-after", b"1"),)


class CapacityGuard:
    """Counts what is under way."""

    def __init__(self, app: ASGIApp, *, most: int) -> None:
        self._app = app
        self._most = most
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or raise `Overloaded`."""
        if scope["type"] != "http" or (scope["path"] == _ALIVE and "peer_chain" not in scope):
            await self._app(scope, receive, send)
            return
        if self._open >= self._most:
            note_refusal("api-capacity", "requests at once")
            raise Overloaded("The server has as much to do as it can. Try again in a moment.")
        self._open += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._open -= 1


class TooManyRequests(Problem):
    """One person, or one address, has as much under way as they may."""

    status = 429
    title = "Too much at once"
    kind = "urn:chatbot:too-many-requests"
    code = "rate_limit_exceeded"
    headers = ((b"retry-after", b"1"),)


class ClientCapacity:
    """Counts what one person has under way, and of public requests what one address has. Stands behind the gate.

    Of one person's reads (`GET`, `HEAD`) a few are worked on at a time and the others wait their turn, so that a burst
    of the longest lists holds up nobody else. The next one's turn comes when an answer begins, however slowly it is
    fetched, or at `end_turn`. Questions, uploads and changes have limits of their own and never wait.
    """

    def __init__(self, app: ASGIApp, *, per_person: int, per_address: int) -> None:
        self._app = app
        self._per_person = per_person
        self._per_address = per_address
        self._open: Counter[str] = Counter()
        self._reads: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(_MAX_READS))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or raise `TooManyRequests`."""
        if scope["type"] != "http" or scope["path"] == _ALIVE:
            await self._app(scope, receive, send)
            return
        admission = scope.get("admission")
        who = str(admission.principal.user_id) if admission else client_bucket(client_address(scope))
        if self._open[who] >= (self._per_person if admission else self._per_address):
            note_refusal("api-capacity", "requests of one client at once")
            raise TooManyRequests("Your earlier requests are still under way. Try again when they are done.")
        self._open[who] += 1
        try:
            if admission and scope["method"] in _READS:
                await self._read(self._reads[who], scope, receive, send)
            else:
                await self._app(scope, receive, send)
        finally:
            self._open[who] -= 1
            if not self._open[who]:
                del self._open[who]
                self._reads.pop(who, None)

    async def _read(self, places: asyncio.Semaphore, scope: Scope, receive: Receive, send: Send) -> None:
        async with AsyncExitStack() as place:
            await place.enter_async_context(places)

            async def send_on(message: Message) -> None:
                await place.aclose()
                await send(message)

            scope["end_turn"] = place.aclose
            await self._app(scope, receive, send_on)


async def end_turn(scope: Scope) -> None:
    """Let the person's next read begin, before this one waits for a bound of its own (`chatbot/limits/heavy.py`)."""
    await scope["end_turn"]()
