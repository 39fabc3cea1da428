"""Whether the gateway lives and can work, and the browser's reports of blocked content."""

import logging
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from chatbot.core.errors import Unavailable
from chatbot.gateway.dependencies import Using
from chatbot.monitoring.refusals import note_refusal

router = APIRouter()
_log = logging.getLogger("chatbot.gateway")
_REPORTED = ("document-uri", "violated-directive", "effective-directive", "blocked-uri", "source-file", "line-number")

_REPORT: dict[str, Any] = {"content": {"application/csp-report": {"schema": {}}}}


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """Answer when the process runs."""
    return {"status": "alive"}


@router.get("/readyz")
async def ready(parts: Using) -> dict[str, str]:
    """Answer 200 when database and session store can be used, else 503; which one is only in the log."""
    try:
        await parts.database.is_up()
        await parts.valkey.ping()
    except Exception as error:
        _log.warning("not ready", extra={"cause": type(error).__name__})
        raise Unavailable("A part that is needed is down.") from error
    return {"status": "ready"}


@router.post("/csp-report", status_code=204, openapi_extra={"requestBody": _REPORT})
async def note_violation(request: Request) -> Response:
    """Log what a browser or the page's own renderer refused: a few fields, cut short. Anything else is dropped."""
    body = await request.body()
    try:
        report = orjson.loads(body)
        if isinstance(node := report.get("refused-node"), str):
            _log.warning("an answer's node was refused by the page", extra={"node": node[:40]})
            note_refusal("web-browser", "an unlisted node")
            return Response(status_code=204)
        found = {name: value for name in _REPORTED if isinstance(value := report["csp-report"].get(name), str | int)}
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return Response(status_code=204)
    _log.warning(
        "content blocked by the browser",
        extra={name.replace("-", "_"): str(value)[:200] for name, value in found.items()},
    )
    note_refusal("web-csp", "reported by a browser")
    return Response(status_code=204)
