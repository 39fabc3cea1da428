"""Messages of a way are found by their numbers, whatever was known of the tables when the plan was made."""

from pathlib import Path

from alembic import op

revision = "0009"
down_revision = "0008"

_FILE = Path(__file__).parents[1] / "sql" / "0009_ways.sql"


def upgrade() -> None:
    """Run the file."""
    op.get_bind().connection.driver_connection.execute(_FILE.read_text(encoding="utf-8"))


def downgrade() -> None:
    """Leave them: they return the same as before."""
