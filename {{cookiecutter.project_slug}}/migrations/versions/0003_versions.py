"""A message names the one before it: an edited question and a repeated answer stand beside the earlier version."""

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"

_FOLDER = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Run the files in their order."""
    connection = op.get_bind().connection.driver_connection
    for name in ("0003_versions", "0003_turns"):
        connection.execute((_FOLDER / f"{name}.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refuse: a tree cannot be laid flat without losing versions."""
    raise NotImplementedError("restore a backup instead")
