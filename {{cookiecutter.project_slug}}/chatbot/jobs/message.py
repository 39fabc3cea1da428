"""What travels over the broker, and what a refusal of it is called."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class ForgedJob(Exception):
    """A message that must not run. The text is a reason for the dead-letter list, without its content."""

    control = "queue-tamper"


class Undecodable(ForgedJob):
    """A message whose body is not what a job's body may be."""

    control = "app-deserialise"


@dataclass(frozen=True, slots=True)
class Message:
    """All that is signed but the signature."""

    queue: str
    content_type: str
    content_encoding: str
    body: bytes
    headers: Mapping[str, Any]
    correlation_id: str | None = None
    reply_to: str | None = None
