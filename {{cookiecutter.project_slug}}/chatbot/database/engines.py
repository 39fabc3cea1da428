"""Connections to PostgreSQL: one role each, cleaned before anyone else gets them (control sql-tenant).

A transaction-local setting never survives its transaction, but an injected statement can leave other
things behind: session settings, prepared statements, temporary tables, cursors, listeners, locks.
A returned connection is cleaned of all of them. Fails closed: what cannot be cleaned is closed.
"""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import OperationalError, TimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import PoolResetState

from chatbot.config.settings import DatabaseSettings
from chatbot.core.errors import Unavailable
from chatbot.core.principal import Principal
from chatbot.database.context import ContextSigner
from chatbot.database.role_defaults import DefaultsChanged, refuse_left, session_settings

# each in one statement; DISCARD ALL would also drop them, but fails inside psycopg's own transaction handling
CLEANING = (
    "DEALLOCATE ALL; CLOSE ALL; UNLISTEN *; DISCARD TEMP; DISCARD SEQUENCES; RESET SESSION AUTHORIZATION;"
    " RESET ALL; SELECT pg_catalog.pg_advisory_unlock_all()"
)
_CONTEXT = text("SELECT pg_catalog.set_config('chatbot.context', :context, true)")


# an error says which statement failed, never with which values; a connection that a restart cut is replaced unnoticed
_ENGINE_OPTIONS: dict[str, Any] = {"hide_parameters": True, "pool_pre_ping": True}


def connection_options(settings: DatabaseSettings, role: str, password: str, language: str = "") -> dict[str, Any]:
    """Return psycopg's connection arguments for `role`. Statements are prepared only where a caller asks for it.

    `language` is the text-search configuration of what this role writes.
    """
    return {
        "host": settings.host,
        "port": settings.port,
        "dbname": settings.name,
        "user": role,
        "password": password,
        "prepare_threshold": None,
        "application_name": role,
        "connect_timeout": 5,
        **_tls_options(settings),
        "options": " ".join(f"-c {name}={value}" for name, value in session_settings(role, language).items()),
    }


def _tls_options(settings: DatabaseSettings) -> dict[str, Any]:
    """Return what libpq needs for TLS: the server's certificate and its name are checked."""
    if settings.host.startswith("/") or settings.tls == "disable":
        return {"sslmode": "disable"}
    return {"sslmode": "verify-full", "sslrootcert": str(settings.ca) if settings.ca else "system"}


def _clean(connection: Any, _record: object, state: PoolResetState) -> None:
    if state.terminate_only:
        return  # it is being closed
    connection.rollback()
    cursor = connection.cursor()
    cursor.execute(CLEANING)
    cursor.close()
    connection.commit()  # psycopg opened a transaction for it, and a rollback would undo the RESET


class Database:
    """The asynchronous pool of one role, for the gateway's ordinary statements."""

    def __init__(self, settings: DatabaseSettings, signer: ContextSigner, password: str) -> None:
        self._signer = signer
        self._engine: AsyncEngine = create_async_engine(
            URL.create("postgresql+psycopg"),
            connect_args=connection_options(settings, signer.role, password),
            pool_size=settings.pool_size,
            max_overflow=0,
            pool_timeout=5,
            pool_reset_on_return=None,
            **_ENGINE_OPTIONS,
        )
        event.listen(self._engine.sync_engine, "connect", refuse_left)
        event.listen(self._engine.sync_engine, "reset", _clean)

    @asynccontextmanager
    async def acting_for(self, principal: Principal) -> AsyncIterator[AsyncConnection]:
        """Yield a connection inside a transaction that sees the rows of `principal` and no others.

        Raises `Unavailable` when the database cannot be reached, has no room, or stops meanwhile.
        """
        try:
            async with self._engine.begin() as connection:
                await connection.execute(_CONTEXT, {"context": self._signer.sign(principal)})
                yield connection
        except (OperationalError, TimeoutError, DefaultsChanged) as error:
            raise Unavailable("The database cannot be used just now. Try again in a moment.") from error

    def vouch_for(self, principal: Principal, issuer: str, subject: str) -> str:
        """Return a voucher for role and identity of `principal`, whom the identity provider has just named."""
        return self._signer.vouch(principal, issuer, subject)

    async def is_up(self) -> bool:
        """Say whether a statement can be run now."""
        async with self._engine.connect() as connection:
            return bool(await connection.scalar(text("SELECT true")))

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()


class ConnectionLost(Exception):
    """The database's connection was lost within a transaction, which therefore did not take effect."""


class WorkerDatabase:
    """The same for the worker, which is not asynchronous."""

    def __init__(self, settings: DatabaseSettings, signer: ContextSigner, password: str, language: str) -> None:
        self._signer = signer
        self._engine: Engine = create_engine(
            URL.create("postgresql+psycopg"),
            connect_args=connection_options(settings, signer.role, password, language),
            pool_size=2,
            max_overflow=0,
            pool_timeout=5,
            pool_reset_on_return=None,
            **_ENGINE_OPTIONS,
        )
        event.listen(self._engine, "connect", refuse_left)
        event.listen(self._engine, "reset", _clean)

    def check(self) -> None:
        """Connect once, and keep no connection: the reader's processes, forked later, would share it.

        Raises what the driver raises when the server cannot be used.
        """
        self._engine.connect().close()
        self._engine.dispose()

    @contextmanager
    def acting_for(self, principal: Principal) -> Iterator[Connection]:
        """Yield a connection inside a transaction that sees the rows of `principal` and no others.

        Raises `ConnectionLost` when the database stops meanwhile or cannot be reached.
        """
        with self.acting_for_nobody() as connection:
            connection.execute(_CONTEXT, {"context": self._signer.sign(principal)})
            yield connection

    @contextmanager
    def acting_for_nobody(self) -> Iterator[Connection]:
        """Yield a connection inside a transaction that sees no row: for functions that choose whose turn it is."""
        try:
            with self._engine.begin() as connection:
                yield connection
        except (OperationalError, DefaultsChanged) as error:
            raise ConnectionLost from error

    def wait_until_up(self, seconds: float) -> None:
        """Wait until a statement can be run, for so many seconds. Raises `ConnectionLost` then."""
        end = time.monotonic() + seconds
        while True:
            try:
                with self._engine.connect() as connection:
                    connection.execute(text("SELECT true"))
                return
            except (OperationalError, DefaultsChanged) as error:
                if time.monotonic() > end:
                    raise ConnectionLost from error
                time.sleep(0.2)
