"""A person's own sessions: listed, and ended one by one or all but this one (part of control web-session)."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel

from chatbot.core.errors import NotFound
from chatbot.gateway.dependencies import Using, Who
from chatbot.identity.admission import Admission

router = APIRouter(prefix="/api/v1/sessions")
SessionId = Annotated[str, Path(max_length=16, pattern=r"^[0-9a-f]{16}$")]


class SessionShown(BaseModel):
    """A session in the list. `id` names it and opens nothing; `browser` and `address` are as of the sign-in."""

    id: str
    current: bool
    browser: str
    address: str
    begun_at: datetime
    seen_at: datetime
    ends_at: datetime


@router.get("")
async def list_sessions(request: Request, who: Who, parts: Using) -> list[SessionShown]:
    """List where one is signed in, the latest use first."""
    found = await parts.sessions.show_all(who.user_id)
    shown = [
        SessionShown(
            id=session.id,
            current=session.id == _own(request),
            browser=session.agent,
            address=session.address,
            begun_at=_moment(session.begun),
            seen_at=_moment(session.seen),
            ends_at=_moment(session.end),
        )
        for session in found
    ]
    return sorted(shown, key=lambda session: session.seen_at, reverse=True)


@router.delete("/{session}", status_code=204)
async def end_session(session: SessionId, who: Who, parts: Using) -> Response:
    """End one of one's own sessions."""
    if not await parts.sessions.close_one(who.user_id, session):
        raise NotFound("There is no such session of yours, or it has ended.")
    return Response(status_code=204)


@router.delete("", status_code=204)
async def end_other_sessions(request: Request, who: Who, parts: Using) -> Response:
    """End all of one's own sessions but this one."""
    await parts.sessions.close_all(who.user_id, but=_own(request))
    return Response(status_code=204)


def _own(request: Request) -> str:
    admission: Admission = request.scope["admission"]
    return admission.credential


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
