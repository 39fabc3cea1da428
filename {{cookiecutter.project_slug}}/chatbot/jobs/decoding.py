"""How a job's body is decoded (control app-deserialise): as JSON, whatever the message says of itself.

Stops: a message that names pickle or YAML as its content type and so runs code in the worker (the class of
forced deserialisation). Fails closed: any other content type, encoding or shape is refused before decoding.
"""

import json
from typing import Any

from chatbot.jobs.message import Message, Undecodable

ACCEPTED = ["json"]  # what kombu may decode, should anything ever reach it unchecked
_CONTENT_TYPE = "application/json"


def decode_arguments(message: Message) -> dict[str, Any]:
    """Return the keyword arguments of a job. Raises `Undecodable`."""
    if message.content_type != _CONTENT_TYPE:
        raise Undecodable("not JSON")
    try:
        positional, named, embedded = json.loads(message.body)
    except (ValueError, TypeError, RecursionError):
        raise Undecodable("malformed body") from None
    # no canvas: a callback or chain would run another task in the worker's name
    if positional or not isinstance(named, dict) or not isinstance(embedded, dict) or any(embedded.values()):
        raise Undecodable("unexpected body")
    return named
