"""Narrower rights: vouchers for whole identities, no table locks, no statistics of anybody's values.

Row-level security says which rows a statement reaches; this says what else a whole hostile statement could do.
"""

from pathlib import Path

from alembic import op

revision = "template_0011"
down_revision = "template_0010"

_FOLDER = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Run the files in their order; each can be read on its own."""
    connection = op.get_bind().connection.driver_connection
    for name in ("0011_sign_in", "0011_rights", "0011_statistics"):
        connection.execute((_FOLDER / f"{name}.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Give back what earlier releases delete with; leave the functions."""
    op.execute("grant delete on chatbot.conversations, chatbot.documents, chatbot.api_keys to chatbot_api")
    op.execute("grant delete on chatbot.chunks, chatbot.chunk_vectors to chatbot_worker")
