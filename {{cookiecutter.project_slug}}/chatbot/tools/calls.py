"""What goes into the tool gateway and what comes out of it."""

from dataclasses import dataclass
from enum import StrEnum

from chatbot.core.untrusted import Untrusted


class Verdict(StrEnum):
    """How a call ended, for the audit line and for tests."""

    DONE = "done"
    UNKNOWN = "unknown"  # no rule lists it, or its server does not offer exactly one of that name
    ROLE = "role"
    UNTRUSTED = "untrusted-context"
    ARGUMENTS = "arguments"
    LIMIT = "limit"
    SLOW = "slow"
    UNAVAILABLE = "unavailable"
    ERROR = "tool-error"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What the model asked for, as text of the model's."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of a call. Unless `verdict` is `DONE`, `text` is the reason, and `reason` says it to the user."""

    text: Untrusted
    verdict: Verdict
    reason: str = ""


class ToolRefused(Exception):
    """A call that is not made, or that brought nothing. The message is shown to the model and the user."""

    def __init__(self, verdict: Verdict, reason: str) -> None:
        super().__init__(reason)
        self.verdict = verdict
        self.reason = reason
