"""The application's real routing table, without starting anything."""

import json
import secrets
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from fastapi.routing import iter_route_contexts

from chatbot.config.loading import load_settings
from chatbot.config.settings import Settings
from chatbot.gateway.application import build_application
from chatbot.wiring import build_gateway
from development.secret_store import PARTS

_SECRETS = PARTS["gateway"]


@cache
def application() -> Any:
    """Return the application as production builds it; nothing connects before its lifespan begins."""
    with tempfile.TemporaryDirectory() as folder:
        for name in _SECRETS:
            (Path(folder) / name).write_text(secrets.token_hex(32))
        settings = _settings(folder)
    return build_application(build_gateway(settings))


def _settings(folder: str) -> Settings:
    return load_settings(
        {
            "CHATBOT_ENVIRONMENT": "development",
            "CHATBOT_GATEWAY__PUBLIC_URL": "http://127.0.0.1:8000",
            "CHATBOT_IDENTITY__ISSUER": "http://localhost:8001",
            "CHATBOT_IDENTITY__CLIENT_ID": "chatbot",
            "CHATBOT_IDENTITY__GROUPS": json.dumps({"acme-members": ["acme", "member"]}),
            "CHATBOT_DATABASE__HOST": "/nowhere",
            "CHATBOT_VALKEY__SOCKET": "/nowhere",
            "CHATBOT_SECRETS_FOLDER": folder,
        }
    )


def every_route() -> list[Any]:
    """Return every route with its path and methods, those of included routers too."""
    return [context for context in iter_route_contexts(application().router.routes)]
