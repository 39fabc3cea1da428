"""What a document's owner is told about how it was read; search in the language of the installation.

The template's migrations are named `template_…`, a product's own `product_…` (migrations/product): two branches, which
cannot meet, whatever is added to either.
"""

from pathlib import Path

from alembic import op

revision = "template_0010"
down_revision = "0009"
branch_labels = ("template",)

_FILE = Path(__file__).parents[1] / "sql" / "0010_reading.sql"


def upgrade() -> None:
    """Run the file."""
    op.get_bind().connection.driver_connection.execute(_FILE.read_text(encoding="utf-8"))


def downgrade() -> None:
    """Leave them: earlier releases read the same columns."""
