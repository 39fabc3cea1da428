"""Signing in and out (control web-session)."""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import parse_qsl
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from redis.exceptions import RedisError
from starlette.types import Scope

from chatbot.core.errors import Unavailable
from chatbot.core.principal import Principal, Role
from chatbot.database.administration import depart, enrol
from chatbot.gateway.access.client import client_address
from chatbot.gateway.cookies import CookieNames, drop_cookie, read_cookie, set_cookie
from chatbot.gateway.dependencies import Using, Who
from chatbot.gateway.middleware.recording import record_sign_in
from chatbot.gateway.routes.pages import TARGETS
from chatbot.identity.browsers import describe_browser
from chatbot.identity.openid import Attempt, SignInFailed
from chatbot.identity.people import NotAdmitted, admit, suspended, tenant_id, user_id
from chatbot.identity.sessions import Origin, digest_token, public_id, session_values
from chatbot.wiring import Parts

router = APIRouter()
_log = logging.getLogger("chatbot.gateway")
_ATTEMPT_SECONDS = 600
SIGN_IN, SIGN_OUT_BY_PROVIDER = "sign in", "be signed out by the identity provider"
_FORM = "application/x-www-form-urlencoded"
_LOGOUT_BODY = {
    "required": True,
    "content": {
        _FORM: {
            "schema": {
                "type": "object",
                "required": ["logout_token"],
                "properties": {"logout_token": {"type": "string", "maxLength": 8192}},
                "maxProperties": 20,
            }
        }
    },
}
_MAX_ANSWER = 4096  # characters of a parameter
# what the provider adds to the address; it may add more (RFC 6749, section 4.1.2; RFC 9207)
_ANSWER = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in ("code", "state", "iss", "error")]


def _own_page(target: str) -> str:
    if target not in TARGETS:
        raise ValueError("is no page of this application")
    return target


Target = Annotated[str, AfterValidator(_own_page), WithJsonSchema({"type": "string", "enum": list(TARGETS)})]


class SignInQuery(BaseModel):
    """Whether the person is to prove anew who they are, and the page to open afterwards: one of ours, by its name.

    Any other target is refused (CVE-2026-18266), so that no address is ever built from it.
    """

    model_config = ConfigDict(extra="forbid")
    again: bool = False
    target: Target = Field(default="/", alias="return")


@router.get("/auth/login", status_code=303, response_class=Response)
async def begin_sign_in(request: Request, parts: Using, query: Annotated[SignInQuery, Query()]) -> Response:
    """Send the browser to the identity provider, remembering the attempt for this browser alone."""
    address, attempt = await parts.provider.begin(query.target, again=query.again)
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
        if max(map(len, answer.values()), default=0) > _MAX_ANSWER:
            raise SignInFailed("a parameter is too long")
        attempt = Attempt.load(remembered)
        claims = await parts.provider.complete(attempt, answer)
    except SignInFailed as failure:
        _log.warning("sign-in refused", extra={"why": failure.why})
        raise
    old = read_cookie(request.headers.raw, names.session)
    if old:
        await parts.sessions.close(old)
    token = await let_in(parts, request.scope, claims, _origin(request, claims))
    response = Response(status_code=303, headers={"location": attempt.target})
    response.headers.append("set-cookie", set_cookie(names.session, token, None))
    response.headers.append("set-cookie", drop_cookie(names.attempt))
    return response


async def let_in(parts: Parts, scope: Scope, claims: Mapping[str, Any], origin: Origin) -> str:
    """Open a session with the role that counts, and return its cookie. Raises `NotAdmitted`.

    What the provider no longer says of a person ends with that: their sessions and keys in every other tenant.
    """
    identity = parts.settings.identity
    parts.trail.require()
    try:
        who, tenant = admit(claims, identity.groups, identity.groups_claim)
    except NotAdmitted:
        await _end_elsewhere(parts, scope, claims, "")
        raise
    await _end_elsewhere(parts, scope, claims, tenant)
    async with parts.database.acting_for(who) as connection:
        voucher = parts.database.vouch_for(who, claims["iss"], claims["sub"])
        enrolled = await enrol(connection, who, voucher, tenant, claims["iss"], claims["sub"])
    if enrolled.role is None:
        record_sign_in(parts.trail, scope, who, SIGN_IN, 403)
        raise suspended()
    who = replace(who, role=enrolled.role)
    await parts.sessions.close_former(who)  # a change of rights: no session keeps those of before
    token = await parts.sessions.open(who, authenticated_at=claims["auth_time"], origin=origin)
    # an administrator may have acted in between, who could not see this session yet
    if await parts.standing.role(who) is not who.role:
        await parts.sessions.close(token)
        record_sign_in(parts.trail, scope, who, SIGN_IN, 403)
        raise suspended()
    record_sign_in(parts.trail, scope, who, SIGN_IN, 303, public_id(digest_token(token)))
    return token


async def _end_elsewhere(parts: Parts, scope: Scope, claims: Mapping[str, Any], tenant: str) -> None:
    """End what a person has in tenants of which the provider no longer says that they are theirs: all but `tenant`."""
    for slug in sorted(_tenants(parts) - {tenant}):
        who = _person_of(slug, claims)
        ended = await parts.sessions.close_all(who.user_id)
        async with parts.database.acting_for(who) as connection:
            known = await depart(connection)
        if ended or known:
            record_sign_in(parts.trail, scope, who, SIGN_IN, 403)


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


@router.post("/auth/backchannel-logout", response_class=Response, openapi_extra={"requestBody": _LOGOUT_BODY})
async def end_by_provider(request: Request, parts: Using) -> Response:
    """End sessions because the identity provider says so (OpenID Connect Back-Channel Logout 1.0).

    The provider's signature is what is believed: no cookie and no header counts here.
    """
    body = (await request.body()).decode("ascii", "replace")
    try:
        tokens = [value for name, value in parse_qsl(body, max_num_fields=20) if name == "logout_token"]
        claims = await parts.provider.read_logout(tokens[0] if len(tokens) == 1 else "")
        if not await parts.valkey.set(_attempt_name(f"logout|{claims['jti']}"), 1, ex=_ATTEMPT_SECONDS, nx=True):
            raise SignInFailed("logout token used before")
    except ValueError:
        raise SignInFailed("too many fields") from None
    except SignInFailed as failure:
        _log.warning("logout by the provider refused", extra={"why": failure.why})
        raise
    except RedisError as error:
        raise Unavailable("Sessions cannot be ended just now. Try again in a moment.") from error
    ended: set[UUID] = set()
    if claims.get("sid"):
        ended = await parts.sessions.close_provider_session(f"{claims['iss']}|{claims['sid']}")
    for slug in sorted(_tenants(parts)) if claims.get("sub") else ():
        who = _person_of(slug, claims)
        # the person's, too, when nobody here knows that session
        if who.user_id in ended or (not ended and await parts.sessions.close_all(who.user_id)):
            record_sign_in(parts.trail, request.scope, who, SIGN_OUT_BY_PROVIDER, 200)
    return Response(status_code=200)


def _origin(request: Request, claims: Mapping[str, Any]) -> Origin:
    session = claims.get("sid")
    known = f"{claims['iss']}|{session}" if isinstance(session, str) else ""
    agent = describe_browser(request.headers.get("user-agent", "")[:400])
    return Origin(client_address(request.scope), agent, known)


def _person_of(slug: str, claims: Mapping[str, Any]) -> Principal:
    """Return whom the provider's claims mean in a tenant, with no more rights than everybody there has."""
    return Principal(tenant_id(slug), user_id(slug, claims["iss"], claims["sub"]), Role.MEMBER, "")


def _tenants(parts: Parts) -> set[str]:
    """Return every tenant that the settings name."""
    return {tenant for tenant, _ in parts.settings.identity.groups.values()}


def _names(request: Request) -> CookieNames:
    names: CookieNames = request.app.state.cookies
    return names


def _attempt_name(key: str) -> str:
    return "attempt:" + hashlib.sha256(key.encode()).hexdigest()
