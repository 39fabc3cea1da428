"""A tenant's own budget."""

from pathlib import Path

from alembic import op

revision = "0008"
down_revision = "0007"

_FILE = Path(__file__).parents[1] / "sql" / "0008_tenant_budget.sql"


def upgrade() -> None:
    """Run the file."""
    op.get_bind().connection.driver_connection.execute(_FILE.read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refuse: budgets would be lost."""
    raise NotImplementedError("restore a backup instead")
