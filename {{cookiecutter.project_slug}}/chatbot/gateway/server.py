"""The server program: uvicorn, configured the strict way."""

import uvicorn

from chatbot.config.settings import Settings
from chatbot.gateway.application import build_application
from chatbot.gateway.serving.timed import timed_protocol
from chatbot.wiring import build_gateway


def run_gateway(settings: Settings) -> None:
    """Serve until told to stop (SIGTERM lets requests under way end first)."""
    app = build_application(build_gateway(settings))
    uvicorn.run(
        app,
        host=settings.gateway.bind,
        port=settings.gateway.port,
        http=timed_protocol(settings.limits),
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
