"""Signing in and out (control web-session)."""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request, Response
from redis.exceptions import RedisError

from chatbot.core.errors import Unavailable
from chatbot.database.administration import enrol
from chatbot.gateway.cookies import CookieNames, drop_cookie, read_cookie, set_cookie
from chatbot.gateway.dependencies import Using, Who
from chatbot.identity.openid import Attempt, SignInFailed
from chatbot.identity.people import admit, suspended
from chatbot.identity.sessions import session_values
from chatbot.limits.usage import set_own_month
from chatbot.wiring import Parts

router = APIRouter()
_log = logging.getLogger("chatbot.gateway")
_ATTEMPT_SECONDS = 600


@router.get("/auth/login", status_code=303)
async def begin_sign_in(request: Request, parts: Using) -> Response:
    """Send the browser to the identity provider, remembering the attempt for this browser alone."""
    address, attempt = await parts.provider.begin()
    key = parts.sessions.new_token()
    try:
        await parts.valkey.set(_attempt_name(key), attempt.dump(), ex=_ATTEMPT_SECONDS)
    except RedisError as error:
        raise Unavailable("Nobody can sign in just now. Try again in a moment.") from error
    response = Response(status_code=303, headers={"location": address})
    response.headers.append("set-cookie", set_cookie(_names(request).attempt, key, _ATTEMPT_SECONDS))
    return response


@router.get("/auth/callback", status_code=303)
async def finish_sign_in(request: Request, parts: Using) -> Response:
    """Take the provider's answer: open a new session, ending the one that this browser had."""
    names = _names(request)
    key = read_cookie(request.headers.raw, names.attempt)
    try:
        # taken and deleted in one step: an answer is good for one try
        remembered = await parts.valkey.getdel(_attempt_name(key)) if key else None
    except RedisError as error:
        raise Unavailable("Nobody can sign in just now. Try again in a moment.") from error
    answer = dict(request.query_params)
    try:
        if remembered is None or len(request.query_params.multi_items()) != len(answer):
            raise SignInFailed("no attempt under way in this browser")
        claims = await parts.provider.complete(Attempt.load(remembered), answer)
    except SignInFailed as failure:
        _log.warning("sign-in refused", extra={"why": failure.why})
        raise
    old = read_cookie(request.headers.raw, names.session)
    if old:
        await parts.sessions.close(old)
    token = await _let_in(parts, claims)
    response = Response(status_code=303, headers={"location": "/"})
    response.headers.append("set-cookie", set_cookie(names.session, token, None))
    response.headers.append("set-cookie", drop_cookie(names.attempt))
    return response


async def _let_in(parts: Parts, claims: Mapping[str, Any]) -> str:
    """Open a session with the role that counts, and return its cookie. Raises `NotAdmitted`."""
    who, tenant = admit(claims, parts.settings.identity.groups)
    async with parts.database.acting_for(who) as connection:
        enrolled = await enrol(connection, who, parts.database.vouch_for(who), tenant, claims["iss"], claims["sub"])
    if enrolled.role is None:
        raise suspended()
    if enrolled.changed:  # the provider's groups say something else than before
        await parts.sessions.close_all(who.user_id)
    if enrolled.monthly_tokens is not None:  # counters forget whom they have not seen for long
        await set_own_month(parts.counters, str(who.user_id), enrolled.monthly_tokens)
    who = replace(who, role=enrolled.role)
    token = await parts.sessions.open(who)
    # an administrator may have acted in between, who could not see this session yet
    if await parts.standing.role(who) is not who.role:
        await parts.sessions.close(token)
        raise suspended()
    return token


@router.get("/api/v1/session")
async def show_session(request: Request, who: Who, parts: Using) -> dict[str, str]:
    """Return who is signed in, and the token that the page's changing requests must carry."""
    return session_values(who) | {"csrf_token": parts.sessions.csrf_token(request.scope["session_token"])}


@router.delete("/api/v1/session", status_code=204)
async def sign_out(request: Request, who: Who, parts: Using) -> Response:
    """End this session."""
    await parts.sessions.close(request.scope["session_token"])
    response = Response(status_code=204, headers={"clear-site-data": '"cache", "storage"'})
    response.headers.append("set-cookie", drop_cookie(_names(request).session))
    return response


def _names(request: Request) -> CookieNames:
    names: CookieNames = request.app.state.cookies
    return names


def _attempt_name(key: str) -> str:
    return "attempt:" + hashlib.sha256(key.encode()).hexdigest()
