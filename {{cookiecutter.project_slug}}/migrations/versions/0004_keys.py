"""API keys: what opens the programs' way in."""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"

_FILE = Path(__file__).parents[1] / "sql" / "0004_keys.sql"


def upgrade() -> None:
    """Run the file."""
    op.get_bind().connection.driver_connection.execute(_FILE.read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refuse: every key would be lost."""
    raise NotImplementedError("restore a backup instead")
