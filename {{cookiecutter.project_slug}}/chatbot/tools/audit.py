"""One line for each call of a tool (a first part of mcp-audit): who, what, how it ended; never the contents."""

import hashlib
import logging

from chatbot.core.principal import Principal
from chatbot.core.visible import visible_line
from chatbot.tools.calls import ToolCall, ToolResult, Verdict

_log = logging.getLogger("chatbot.tools.audit")
_MOST_NAME = 64


def audit_call(who: Principal, call: ToolCall, result: ToolResult, why: str, milliseconds: float) -> None:
    """Log a call. Arguments and result appear as digests: whoever holds them can prove that they are the ones."""
    returned = result.text.text.encode("utf-8", "replace") if result.verdict is Verdict.DONE else b""
    write = _log.info if result.verdict is Verdict.DONE else _log.warning
    write(
        "tool call",
        extra={
            "tool": visible_line(call.name, _MOST_NAME),  # of the model's choice when no rule lists it
            "tenant": str(who.tenant_id),
            "user": str(who.user_id),
            "role": str(who.role),
            "verdict": str(result.verdict),
            "why": why,
            "arguments_sha256": hashlib.sha256(call.arguments.encode("utf-8", "replace")).hexdigest(),
            "result_sha256": hashlib.sha256(returned).hexdigest() if returned else "",
            "bytes": len(returned),
            "ms": round(milliseconds, 1),
        },
    )
