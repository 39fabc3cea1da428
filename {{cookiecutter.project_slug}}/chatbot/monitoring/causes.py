"""What a log says of an error: where it happened and of which kind, and its text only where no data can be in it.

The text of a database's or a parser's error repeats what it failed on: a row, a parameter, a piece of a document. Our
own errors, the operating system's and those about the program itself have texts without data.
"""

import traceback

_OPEN = (OSError, ImportError, AttributeError, NameError, TypeError, NotImplementedError, TimeoutError)
_OURS = "chatbot."
_DRIVERS = ("psycopg", "asyncpg")
# connection, authorisation, unknown database, no room, shutting down
_CONNECTION_STATES = ("08", "28", "3D", "53", "57")
_MAX_CHAIN = 8


def describe_cause(error: BaseException | None) -> str:
    """Return the first cause in one line: its kind, its SQLSTATE or number, and its text where that is safe."""
    chain = _chain(error)
    return _describe(chain[-1]) if chain else ""


def trace(error: BaseException | None) -> str:
    """Return every frame that the error came through, the first cause first, without the values in any."""
    parts = []
    for one in reversed(_chain(error)):
        frames = traceback.StackSummary.extract(traceback.walk_tb(one.__traceback__), lookup_lines=False)
        lines = [f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
        parts.append("\n".join([*lines, _describe(one)]))
    return "\n".join(parts)


def _chain(error: BaseException | None) -> list[BaseException]:
    """Return an error and what caused it, the outermost first."""
    found: list[BaseException] = []
    while error is not None and error not in found and len(found) < _MAX_CHAIN:
        found.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return found


def _describe(error: BaseException) -> str:
    kind = type(error)
    state = getattr(error, "sqlstate", None)
    name = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    told = f"{name} (SQLSTATE {state[:5]})" if isinstance(state, str) else name
    # no connection: the text names the server and the role
    unconnected = (
        state[:2] in _CONNECTION_STATES
        if isinstance(state, str)
        else kind.__name__ == "OperationalError" and state is None
    )
    if (
        isinstance(error, _OPEN)
        or kind.__module__.startswith(_OURS)
        or (unconnected and kind.__module__.startswith(_DRIVERS))
    ):
        return f"{told}: {error}".strip()
    return told
