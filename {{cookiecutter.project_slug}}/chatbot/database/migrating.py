"""Brings the schema up to date and installs the context keys, as the role that owns the objects."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, create_engine, text

from chatbot.config.settings import DatabaseSettings
from chatbot.database.context import key_pads
from chatbot.database.engines import connection_options
from chatbot.monitoring.startup import DATABASE, required

# CVE-2026-3172: earlier versions of pgvector overflow a buffer while building an index in parallel
_PGVECTOR_FLOOR = (0, 8, 2)
_MIGRATIONS = Path(__file__).parents[2] / "migrations"
_HAS_KEYS = text("SELECT to_regclass('secure.role_keys') IS NOT NULL")  # no earlier release has
_INSTALL_KEY = text(
    "INSERT INTO secure.role_keys (role, inner_pad, outer_pad) VALUES (:role, :inner, :outer)"
    " ON CONFLICT (role) DO UPDATE SET inner_pad = :inner, outer_pad = :outer"
)


def migrate(settings: DatabaseSettings, revision: str = "heads") -> None:
    """Run every migration that is missing up to `revision`, then install the context keys of the secrets folder.

    The template's migrations and a product's own are two branches; `heads` is the end of both.
    """
    keys = {"chatbot_api": settings.context_key, "chatbot_worker": settings.worker_context_key}
    if settings.migrator_password is None or None in keys.values():
        raise SystemExit(
            "a migration needs the secret files database_migrator_password, database_context_key and"
            " database_worker_context_key"
        )
    options = connection_options(settings, "chatbot_migrator", settings.migrator_password.get_secret_value())
    engine = create_engine(URL.create("postgresql+psycopg"), connect_args=options, hide_parameters=True)
    try:
        with required(DATABASE, "migrator"):
            engine.connect().close()
        with engine.begin() as connection:
            version = connection.scalar(text("SELECT extversion FROM pg_extension WHERE extname = 'vector'"))
            if version is None or tuple(map(int, version.split("."))) < _PGVECTOR_FLOOR:
                raise SystemExit(f"pgvector 0.8.2 or newer is needed, found {version or 'none'}: upgrade the extension")
            connection.execute(text("CREATE SCHEMA IF NOT EXISTS migration"))
            command.upgrade(make_config(connection), revision)
            for role, key in keys.items() if connection.scalar(_HAS_KEYS) else ():
                inner, outer = key_pads(key.get_secret_value() if key else b"")
                connection.execute(_INSTALL_KEY, {"role": role, "inner": inner, "outer": outer})
    finally:
        engine.dispose()


def make_config(connection: Connection) -> Config:
    """Return Alembic's configuration for the two branches, over a connection of the objects' owner."""
    config = Config(attributes={"connection": connection})
    # a per cent sign in the path would be taken for a variable, a space or comma for the end of a path
    folder = str(_MIGRATIONS).replace("%", "%%")
    config.set_main_option("script_location", folder)
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", f"{folder}/versions\n{folder}/product")
    return config
