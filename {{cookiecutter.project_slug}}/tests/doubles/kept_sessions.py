"""Changes a kept session as the gateway could have written it: for what time or a sign-in would have done to it."""

from chatbot.identity.session_seal import SessionSeal
from development.stack import Stack


def rewrite_session(stack: Stack, name: str, *, key: bytes = b"", **changes: str | int) -> None:
    """Give the session kept under `name` other values, and the seal that they need (under the stack's own `key`)."""
    seal = SessionSeal(key or bytes.fromhex(stack.secrets["gateway_session_key"]))
    with stack.state.connect() as everything:
        kept = {field.decode(): value.decode() for field, value in everything.hgetall(name).items()}
        values: dict[str, str | int] = kept | changes
        everything.hset(name, mapping={**values, "mac": seal.make(name.removeprefix("session:"), values)})
