"""Administration: suspension, granted roles, budgets of one's own."""

from pathlib import Path

from alembic import op

revision = "0005"
down_revision = "0004"

_FILE = Path(__file__).parents[1] / "sql" / "0005_administration.sql"


def upgrade() -> None:
    """Run the file."""
    op.get_bind().connection.driver_connection.execute(_FILE.read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refuse: who is suspended would come in again."""
    raise NotImplementedError("restore a backup instead")
