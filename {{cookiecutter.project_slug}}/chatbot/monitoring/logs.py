"""Logs: one event, one line, control characters escaped, no prompt and no document text.

Stops forged log lines (mon-injection): whatever a caller puts into a field stays inside that field.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from chatbot.monitoring.causes import describe_cause, trace
from chatbot.monitoring.redaction import redact

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "taskName", "color_message"}


class JsonLines(logging.Formatter):
    """One JSON object per line; non-ASCII and control characters are escaped by JSON itself."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return json.dumps(_event(record), ensure_ascii=True, default=repr)


class PlainLines(logging.Formatter):
    """The same for a person at a terminal: one line, escaped; a traceback follows on lines marked as its own."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and the traceback's lines."""
        event = _event(record)
        trace = [f"    | {_escaped(line)}" for line in event.pop("exception", "").splitlines()]
        head = f"{event.pop('time')[11:19]} {event.pop('level'):<7} {_escaped(event.pop('event'))}"
        line = " ".join([head, *(f"{_escaped(key)}={_quoted(str(value))}" for key, value in event.items())])
        return "\n".join([line, *trace])


def configure_logs(form: str) -> None:
    """Send every logger of this process to standard error in the given form ('json' or 'plain')."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else PlainLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for noisy in ("httpx2", "httpcore2", "kombu", "alembic", "celery", "uvicorn"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # it repeats a failed job's arguments and its cause's text; the tasks log their failures themselves
    logging.getLogger("celery.app.trace").disabled = True


def _event(record: logging.LogRecord) -> dict[str, Any]:
    event: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "event": record.getMessage(),
        "part": record.name,
    }
    event |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
    if record.exc_info:
        event["cause"], event["exception"] = describe_cause(record.exc_info[1]), trace(record.exc_info[1])
    return {key: redact(value) if isinstance(value, str) else value for key, value in event.items()}


def _quoted(text: str) -> str:
    """Return a value that cannot be taken for another field."""
    return json.dumps(text) if set(text) & set(' ="') else _escaped(text)


def _escaped(text: str) -> str:
    return text.encode("unicode_escape").decode("ascii")
