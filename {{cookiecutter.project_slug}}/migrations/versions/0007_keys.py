"""Keys that open from listed networks only, and that are followed by others."""

from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"

_FILE = Path(__file__).parents[1] / "sql" / "0007_keys.sql"


def upgrade() -> None:
    """Run the file."""
    op.get_bind().connection.driver_connection.execute(_FILE.read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refuse: networks of keys would be lost, and keys open from anywhere."""
    raise NotImplementedError("restore a backup instead")
