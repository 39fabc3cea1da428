"""The server program: uvicorn, configured the strict way."""

import resource
import sys
from contextlib import suppress

import uvicorn

from chatbot.config.settings import Settings
from chatbot.gateway.application import build_application
from chatbot.gateway.serving.mutual import MutualProtocol, TwoPorts
from chatbot.gateway.serving.timed import TimedProtocol, with_limits
from chatbot.limits.heavy import SWITCH_SECONDS
from chatbot.wiring import build_gateway

_NOT_STARTED = 3  # uvicorn has logged why


def run_gateway(settings: Settings) -> None:
    """Serve until told to stop (SIGTERM lets requests under way end first)."""
    proxies, https = settings.gateway.trusted_proxies, settings.gateway.public_url.startswith("https:")
    config = uvicorn.Config(
        build_application(build_gateway(settings)),
        host=settings.gateway.bind,
        port=settings.gateway.port,
        http=with_limits(TimedProtocol, settings.limits, proxies=proxies, https=https),
        loop="uvloop",
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        # no header names a client or a scheme unless a proxy is listed: none is
        proxy_headers=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=5,
        backlog=1024,
    )
    if settings.mtls is None:
        server = uvicorn.Server(config)
    else:
        server = TwoPorts(config, settings.mtls, with_limits(MutualProtocol, settings.limits, https=True))
    _take_descriptors()
    sys.setswitchinterval(SWITCH_SECONDS)
    with suppress(KeyboardInterrupt):  # asked for at a terminal
        server.run()
    if not server.started:
        raise SystemExit(_NOT_STARTED)


def _take_descriptors() -> None:
    """Raise what a shell or a service manager gives, often 1024, to what may be had: a connection takes one or two."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS names no number
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
