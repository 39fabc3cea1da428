"""The audit trail."""

from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"

_FILE = Path(__file__).parents[1] / "sql" / "0006_audit.sql"


def upgrade() -> None:
    """Run the file."""
    op.get_bind().connection.driver_connection.execute(_FILE.read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refuse: the trail would be lost."""
    raise NotImplementedError("restore a backup instead")
