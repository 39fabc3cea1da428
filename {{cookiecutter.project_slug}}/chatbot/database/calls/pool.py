"""A pool for fixed function calls, each one round trip and its own transaction (control sql-params).

No other code gets a connection of it: so its statements can stay prepared, and nothing that another statement left in a
session can meet them. The driver is asyncpg, which costs half of what psycopg does here (docs/decisions/0003);
elsewhere SQLAlchemy and psycopg are used.
"""

import ssl
from typing import Any

import asyncpg

from chatbot.config.settings import DatabaseSettings
from chatbot.core.errors import NotFound, Unavailable
from chatbot.database.role_defaults import FIND_LEFT, note_left, session_settings

_TIMEOUT_SECONDS = 5
# the connection failed, the server has no room, or somebody stops it (SQLSTATE classes 08, 53 and 57)
_AWAY = (asyncpg.PostgresConnectionError, asyncpg.InsufficientResourcesError, asyncpg.OperatorInterventionError)


def _tls_context(settings: DatabaseSettings) -> ssl.SSLContext | bool:
    """Return how the server's certificate and its name are checked; nothing on a private unix socket."""
    if settings.host.startswith("/") or settings.tls == "disable":
        return False
    context = ssl.create_default_context(cafile=settings.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class DatabaseFault(Exception):
    """The database refused or lost a statement. The cause is for the log, never for the caller."""


class FixedCalls:
    """Runs statements that are written in the program, whole, with bound values."""

    def __init__(self, settings: DatabaseSettings, role: str, password: str, language: str) -> None:
        self._options: dict[str, Any] = {
            "host": settings.host,
            "port": settings.port,
            "database": settings.name,
            "user": role,
            "password": password,
            "min_size": 2,
            "max_size": settings.pool_size,
            "max_inactive_connection_lifetime": 0,
            "command_timeout": _TIMEOUT_SECONDS * 2,
            "reset": _keep_as_is,
            "ssl": _tls_context(settings),
            "init": _look_at,
            "server_settings": session_settings(role, language),
        }

    async def open(self) -> None:
        """Connect. Raises `OSError` or `asyncpg.PostgresError` when the server cannot be used."""
        self._pool = await asyncpg.create_pool(**self._options)

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()

    async def row(self, statement: str, *values: object) -> asyncpg.Record | None:
        """Return the statement's first row. Raises `NotFound`, `Unavailable` or `DatabaseFault`."""
        try:
            async with self._pool.acquire(timeout=_TIMEOUT_SECONDS) as connection:
                return await connection.fetchrow(statement, *values)
        except asyncpg.ForeignKeyViolationError:
            # the conversation was deleted while the turn ran
            raise NotFound("There is no such conversation.") from None
        except TimeoutError:
            raise Unavailable("The database is busy. Try again in a moment.") from None  # closed
        except (*_AWAY, OSError) as error:
            raise Unavailable("The database cannot be used just now. Try again in a moment.") from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise DatabaseFault from error


async def _look_at(connection: asyncpg.Connection) -> None:
    """Look at a new connection. Raises `DefaultsChanged` after taking away what the role's defaults had left."""
    left = await connection.fetch(FIND_LEFT)
    for row in left:
        await connection.execute(row[1])
    note_left([row[0] for row in left])


async def _keep_as_is(connection: asyncpg.Connection) -> None:
    """Leave a returned connection alone: only fixed statements ever run on it, each its own transaction."""
