"""What keeps a part from starting, in one line: what it needs, why that cannot be had, what to do.

Stops: an operator who has to read a traceback, and a log that holds what a driver puts into one. Fails closed: the part
ends, and its supervisor starts it again.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from chatbot.monitoring.causes import describe_cause

DATABASE = (
    "The database",
    "Check that it runs where CHATBOT_DATABASE__HOST and PORT say, and that the secret file database_{}_password holds"
    " the role's password.",
)
VALKEY = (
    "Valkey",
    "Check that it runs where CHATBOT_VALKEY__SOCKET or HOST say, and that the secret file valkey_{}_password holds the"
    " user's password.",
)
JOBS = (
    "The Valkey of the jobs",
    "Check that it runs where CHATBOT_JOBS__SOCKET or HOST say (CHATBOT_VALKEY__SOCKET or HOST without them), and that"
    " the secret file jobs_{}_password holds the user's password.",
)


class CannotStart(Exception):
    """A part cannot begin to work. The text is for the log, and no secret is in it."""


@contextmanager
def required(service: tuple[str, str], user: str) -> Iterator[None]:
    """Turn every failure within into `CannotStart`; `service` is one of this module's, `user` the name in its file."""
    try:
        yield
    except Exception as error:
        name, advice = service
        cause = " ".join(describe_cause(error).split()).rstrip(".")
        raise CannotStart(f"{name} cannot be used: {cause}. {advice.format(user)}") from error
