"""What a session begins with, whatever its role's own defaults say (control sql-tenant).

PostgreSQL lets every role change its own defaults (ALTER ROLE … SET): whoever controls one statement could leave a
library that does not exist, or a time-out of a millisecond, for every later connection. So a connection names its
settings itself, which outranks them, and takes away any other default that it finds. Fails closed: that connection is
not used.
An operator's own defaults belong to the database (ALTER DATABASE … SET) or the server's configuration.
"""

import logging
from typing import Any

_log = logging.getLogger("chatbot.database")
_STATEMENT_TIMEOUT = {"chatbot_api": "10s", "chatbot_worker": "60s"}
# what the role's defaults changed, each with the statement that takes it away
FIND_LEFT = (
    "SELECT name, pg_catalog.format('ALTER ROLE %1$I RESET %2$s; ALTER ROLE %1$I IN DATABASE %3$I RESET %2$s',"
    " session_user, name, pg_catalog.current_database())"
    " FROM pg_catalog.pg_settings WHERE source IN ('user', 'database user')"
)


class DefaultsChanged(OSError):
    """The role's defaults were not as they were set up; they are again, and the next connection will do."""


def session_settings(role: str, language: str = "") -> dict[str, str]:
    """Return the settings of a session of `role`; of the migrator's none, who acts as the owner by its default.

    `language` is the text-search configuration of what the role writes.
    """
    if role not in _STATEMENT_TIMEOUT:
        return {}
    return {
        "search_path": "pg_catalog,pg_temp",
        "local_preload_libraries": "",
        "statement_timeout": _STATEMENT_TIMEOUT[role],
        "idle_in_transaction_session_timeout": "30s",
        "idle_session_timeout": "0",
        "transaction_timeout": "0",
        "lock_timeout": "0",
        "default_transaction_read_only": "off",  # else nothing could be taken away
        **({"default_text_search_config": f"pg_catalog.{language}"} if language else {}),
    }


def refuse_left(connection: Any, _record: object) -> None:
    """Look at a new connection (SQLAlchemy's event). Raises `DefaultsChanged` after taking away what was left."""
    cursor = connection.cursor()
    cursor.execute(FIND_LEFT)
    left = cursor.fetchall()
    for _, statement in left:
        cursor.execute(statement)
    cursor.close()
    connection.commit()
    note_left([name for name, _ in left])


def note_left(names: list[str]) -> None:
    """Raise `DefaultsChanged` when there are any, with their names in the log."""
    if names:
        _log.error("a database role's defaults were changed: reset", extra={"settings": ",".join(names)[:200]})
        raise DefaultsChanged("the database role's defaults were changed; connect again")
