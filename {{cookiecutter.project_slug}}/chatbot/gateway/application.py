"""The gateway: one readable list of middleware, one of routers, and the hot route."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from fastapi import Depends, FastAPI
from starlette.middleware import Middleware
from starlette.types import Lifespan

from chatbot.gateway.access.actions import ActionTable
from chatbot.gateway.access.arrival import Arrival
from chatbot.gateway.access.capacity import CapacityGuard, ClientCapacity
from chatbot.gateway.access.charging import Charging
from chatbot.gateway.access.counting import AddressRates, PersonRates
from chatbot.gateway.access.permission import PermissionGuard
from chatbot.gateway.access.rates import RateTable
from chatbot.gateway.administration import people, tenant
from chatbot.gateway.cookies import CookieNames
from chatbot.gateway.dependencies import as_described
from chatbot.gateway.middleware.body import BodyJudge
from chatbot.gateway.middleware.cross_site import CrossSiteGuard, SessionTokenGuard
from chatbot.gateway.middleware.errors import ErrorBoundary
from chatbot.gateway.middleware.gate import Gate
from chatbot.gateway.middleware.headers import SecurityHeaders
from chatbot.gateway.middleware.hosts import HostGuard
from chatbot.gateway.middleware.http10 import Http10Responses
from chatbot.gateway.middleware.recording import Recorder
from chatbot.gateway.openai.routes import openai_routes
from chatbot.gateway.problems import add_problem_handlers
from chatbot.gateway.public import PUBLIC
from chatbot.gateway.routes import conversations, documents, health, pages, turns
from chatbot.gateway.routes.account import audit, auth, keys, sessions, usage
from chatbot.gateway.serving.garbage import short_pauses
from chatbot.gateway.serving.standing import StandingGuard, StandingWatch
from chatbot.monitoring.startup import CannotStart
from chatbot.retrieval.reading import MOST_BYTES
from chatbot.wiring import Parts

_log = logging.getLogger("chatbot.gateway")

# what takes more or less than the default
BODY_BYTES = {
    ("POST", "/api/v1/documents"): MOST_BYTES,
    ("POST", "/v1/chat/completions"): 512 * 1024,
    ("POST", "/csp-report"): 8 * 1024,
    ("POST", "/auth/backchannel-logout"): 10 * 1024,
}
# what takes bytes of any kind: a file is judged by its content, a browser's report by the fields that are kept of it,
# a token by its signature
RAW_BODIES = frozenset({("POST", "/api/v1/documents"), ("POST", "/csp-report"), ("POST", "/auth/backchannel-logout")})
ROUTERS = (
    conversations.router,
    documents.router,
    keys.router,
    sessions.router,
    usage.router,
    audit.router,
    auth.router,
    health.router,
    people.router,
    tenant.router,
)


def bare_application(lifespan: Lifespan[FastAPI] | None = None) -> FastAPI:
    """Return the application with its ordinary routes: nothing is served by it, and nothing describes it in public."""
    app = FastAPI(
        title="Secure AI chatbot",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False},
        lifespan=lifespan,
    )
    for router in ROUTERS:
        app.include_router(router, dependencies=[Depends(as_described)])
    return app


def build_application(parts: Parts) -> FastAPI:
    """Return the ASGI application for these parts."""
    app = bare_application(_lifespan)
    app.state.parts = parts
    app.state.cookies = CookieNames.of(parts.settings.gateway.instance)
    manifest = pages.read_manifest(parts.settings.gateway.frontend)
    limits = parts.settings.limits
    watch = standing_watch(parts)
    # first, since it is the busiest; plain ASGI, since it is the hot path
    app.router.routes.insert(0, turns.turn_route(parts.turn_service, watch, limits.most_question_tokens))
    app.router.routes.extend(openai_routes(parts.completions, watch, limits.most_prompt_tokens))
    app.router.routes.extend(pages.page_routes(manifest))
    add_problem_handlers(app)
    public = PUBLIC | {("GET", path) for path in manifest if path.startswith(pages.ASSETS)}
    for middleware in reversed(middleware_stack(parts, public)):
        app.add_middleware(middleware.cls, *middleware.args, **middleware.kwargs)
    return app


def standing_watch(parts: Parts) -> StandingWatch:
    """Return what is asked whether an admission still stands."""
    return StandingWatch(parts.sessions, parts.programs, parts.standing, parts.settings.limits.standing_seconds)


def middleware_stack(parts: Parts, public: frozenset[tuple[str, str]]) -> list[Middleware]:
    """Return the middleware, outermost first."""
    settings = parts.settings
    origin = settings.gateway.public_url
    cookies = CookieNames.of(settings.gateway.instance)
    rates = RateTable.of(settings.limits.rates)
    return [
        Middleware(Http10Responses),  # outermost: it changes how every response is delimited
        Middleware(SecurityHeaders, https=origin.startswith("https:")),
        Middleware(ErrorBoundary, page=pages.read_error_page(settings.gateway.frontend)),
        Middleware(CapacityGuard, most=settings.limits.most_requests),
        Middleware(
            HostGuard, authority=_authority(origin), services=_authority(settings.mtls.url if settings.mtls else "")
        ),
        Middleware(
            Arrival, actions=ActionTable(public=public), proxies=settings.gateway.trusted_proxies, cookies=cookies
        ),
        Middleware(Recorder, trail=parts.trail),
        Middleware(CrossSiteGuard, origin=origin),
        Middleware(AddressRates, limiter=parts.limiter, rates=rates, public=public),
        Middleware(
            Gate,
            sessions=parts.sessions,
            keys=parts.programs,
            charging=Charging(parts.counters, parts.budgets, parts.database, rates, settings.model.max_answer_tokens),
            limiter=parts.limiter,
            public=public,
        ),
        Middleware(PersonRates, limiter=parts.limiter, rates=rates),
        Middleware(
            ClientCapacity,
            per_person=settings.limits.max_requests_per_person,
            per_address=max(1, settings.limits.most_requests // 4),
        ),
        Middleware(SessionTokenGuard, sessions=parts.sessions),
        Middleware(PermissionGuard, fresh_seconds=settings.identity.fresh_seconds, public=public),
        Middleware(BodyJudge, routes=BODY_BYTES, raw=RAW_BODIES, seconds=settings.limits.body_seconds),
        Middleware(StandingGuard, watch=standing_watch(parts), fresh_seconds=settings.identity.fresh_seconds),
    ]


def _authority(origin: str) -> str:
    return urlsplit(origin).netloc


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    parts: Parts = app.state.parts
    try:
        await parts.open()
    except CannotStart as error:
        _log.critical("the gateway cannot start", extra={"why": str(error)})
        logging.getLogger("uvicorn.error").disabled = True  # it would tell the same by a traceback
        raise
    try:
        async with short_pauses(parts.heavy):
            yield
    finally:
        await parts.close()
