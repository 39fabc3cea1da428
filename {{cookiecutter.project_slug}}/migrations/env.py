"""Alembic's entry: migrates over the connection it is handed, as the owner of the objects."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, version_table="schema_version", version_table_schema="migration")
with context.begin_transaction():
    context.run_migrations()
