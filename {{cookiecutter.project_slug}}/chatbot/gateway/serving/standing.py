"""Whether an admission still stands while its request comes in and its answer runs (part of control api-authz).

Stops: rights that outlive their end on an open stream (CVE-2026-44553): a person suspended or demoted, a session ended,
a key or a token revoked. The gate decides at the beginning; here it is asked again when a body took its time, before
anything is done with it, and every few seconds of an answer, without prolonging anything. Fails closed: what cannot be
asked in time is refused, and ends the stream.
"""

import asyncio
import time
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatbot.core.errors import Problem, SignInRequired, Unavailable
from chatbot.database.calls.pool import DatabaseFault
from chatbot.database.calls.programs import Programs
from chatbot.database.calls.standing import StandingStore
from chatbot.gateway.access.client import client_address
from chatbot.identity.admission import Admission, Carrier
from chatbot.identity.permissions import require
from chatbot.identity.sessions import SessionStore
from chatbot.monitoring.refusals import note_refusal

_ASKING_SECONDS = 4.0  # with the longest interval, less than ten seconds
_GOOD_FOR_SECONDS = 1.0  # the gate's answer, while a body comes in


class NoLongerAdmitted(SignInRequired):
    """The request's admission has ended."""

    title = "Your access has ended"


@dataclass(frozen=True, slots=True)
class StandingWatch:
    """Asks for one request after another. `seconds` lie between two questions."""

    sessions: SessionStore
    keys: Programs
    people: StandingStore
    seconds: float

    async def check(self, scope: Scope) -> None:
        """Return while the request's admission stands. Raises `NoLongerAdmitted`, or `Unavailable`."""
        try:
            async with asyncio.timeout(_ASKING_SECONDS):
                stands = await self._stands(scope)
        except (Problem, DatabaseFault, TimeoutError) as error:
            # closed: whether somebody may still read is not known
            raise Unavailable("Whether you may still use this cannot be checked just now. Try again.") from error
        if not stands:
            note_refusal("api-authz", "access ended during a request")
            raise NoLongerAdmitted("Sign in again, or use another key.")

    async def _stands(self, scope: Scope) -> bool:
        admission: Admission = scope["admission"]
        if admission.carrier is Carrier.SESSION and not await self.sessions.is_open(scope["session_token"]):
            return False
        if admission.carrier is not Carrier.SESSION:
            if admission.carrier is Carrier.CERTIFICATE:
                found = await self.keys.find_by_certificate(scope["peer_chain"])
            else:
                found = await self.keys.find(_bearer(scope), client_address(scope))
            return found is not None and found.principal.role is admission.principal.role
        return await self.people.role(admission.principal) is admission.principal.role


class StandingGuard:
    """Asks again, right behind the body's judge, when the gate's answer is older than the body's last byte allows."""

    def __init__(self, app: ASGIApp, *, watch: StandingWatch, fresh_seconds: float) -> None:
        self._app = app
        self._watch = watch
        self._fresh_seconds = fresh_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or raise `NoLongerAdmitted`, `Unavailable`, `SignInAgain` or `Forbidden`."""
        if scope.get("admission") is None:  # what is public
            await self._app(scope, receive, send)
            return
        await self._ask_again(scope)  # JSON is whole by now

        async def receive_admitted() -> Message:
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body"):
                await self._ask_again(scope)  # other bytes, when their route has read them
            return message

        await self._app(scope, receive_admitted, send)

    async def _ask_again(self, scope: Scope) -> None:
        now = time.monotonic()
        if now - scope["admitted_at"] < _GOOD_FOR_SECONDS:
            return
        await self._watch.check(scope)
        if (action := scope["matched"].action) is not None:
            require(scope["admission"], action, self._fresh_seconds)
        scope["admitted_at"] = now


def _bearer(scope: Scope) -> str:
    return b"".join(value for name, value in scope["headers"] if name == b"authorization").decode("latin-1")[7:]
