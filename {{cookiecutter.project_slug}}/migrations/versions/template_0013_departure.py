"""A person whom the identity provider no longer names as one of a tenant's keeps no key there."""

from pathlib import Path

from alembic import op

revision = "template_0013"
down_revision = "template_0012"

_FILE = Path(__file__).parents[1] / "sql" / "0013_departure.sql"


def upgrade() -> None:
    """Run the file."""
    op.get_bind().connection.driver_connection.execute(_FILE.read_text(encoding="utf-8"))


def downgrade() -> None:
    """Take the function away: earlier releases do not call it."""
    op.execute("drop function secure.depart()")
