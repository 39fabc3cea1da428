"""Documents of every kind: originals are kept as bytes, and what was left out of them is counted."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"

_FILE = Path(__file__).parents[1] / "sql" / "0002_formats.sql"


def upgrade() -> None:
    """Run the one file."""
    op.get_bind().connection.driver_connection.execute(_FILE.read_text(encoding="utf-8"))


def downgrade() -> None:
    """Originals that are no text cannot become text again."""
    raise NotImplementedError("restore a backup instead")
