"""Documents are read in turn, by tenant and person; the worker has a context key of its own."""

from pathlib import Path

from alembic import op

revision = "template_0012"
down_revision = "template_0011"

_FILES = ("0012_reading_in_turn.sql", "0012_role_keys.sql")


def upgrade() -> None:
    """Run the files."""
    for name in _FILES:
        text = (Path(__file__).parents[1] / "sql" / name).read_text(encoding="utf-8")
        op.get_bind().connection.driver_connection.execute(text)


def downgrade() -> None:
    """Leave them: earlier releases read the same columns."""
