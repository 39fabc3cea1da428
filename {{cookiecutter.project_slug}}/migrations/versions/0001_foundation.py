"""The first schema: signed row context, tables, policies, the turn's functions."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None

_FOLDER = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Run the files in their order; each can be read on its own."""
    connection = op.get_bind().connection.driver_connection
    for name in ("0001_context", "0001_tables", "0001_policies", "0001_document_policies", "0001_turns"):
        connection.execute((_FOLDER / f"{name}.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """There is nothing below the first schema; dropping data is no migration."""
    raise NotImplementedError("restore a backup instead")
