"""Signing in and out (control web-session)."""

import hashlib
import logging

from fastapi import APIRouter, Request, Response
from redis.exceptions import RedisError

from chatbot.core.errors import Unavailable
from chatbot.database.conversations import enrol
from chatbot.gateway.cookies import CookieNames, drop_cookie, read_cookie, set_cookie
from chatbot.gateway.dependencies import Using, Who
from chatbot.identity.openid import Attempt, SignInFailed
from chatbot.identity.people import admit
from chatbot.identity.sessions import session_values

router = APIRouter()
_log = logging.getLogger("chatbot.gateway")
_ATTEMPT_SECONDS = 600
# what the provider adds to the address; it may add more (RFC 6749, section 4.1.2; RFC 9207)
_ANSWER = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in ("code", "state", "iss", "error")]


@router.get("/auth/login", status_code=303, response_class=Response)
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


@router.get("/auth/callback", status_code=303, response_class=Response, openapi_extra={"parameters": _ANSWER})
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
    who, tenant = admit(claims, parts.settings.identity.groups)
    async with parts.database.acting_for(who) as connection:
        await enrol(connection, who, tenant, claims["iss"], claims["sub"])
    old = read_cookie(request.headers.raw, names.session)
    if old:
        await parts.sessions.close(old)
    token = await parts.sessions.open(who)
    response = Response(status_code=303, headers={"location": "/"})
    response.headers.append("set-cookie", set_cookie(names.session, token, None))
    response.headers.append("set-cookie", drop_cookie(names.attempt))
    return response


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
