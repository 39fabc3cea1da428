"""JSON whose objects have each key once: with a key twice, two readers read two things (RFC 8259, section 4)."""

import json
from typing import Any


class RepeatedKey(ValueError):
    """A key stands twice in one object."""


def check_keys(text: str | bytes) -> None:
    """Raise `RepeatedKey`, or another `ValueError` or a `RecursionError` for what is no JSON."""
    json.loads(text, object_pairs_hook=_take)


def _take(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) < len(pairs):
        raise RepeatedKey("a key stands twice")
