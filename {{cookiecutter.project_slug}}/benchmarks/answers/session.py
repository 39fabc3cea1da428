"""Reads passages as the gateway's own database role does, for the labelled set."""

from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from chatbot.core.principal import Principal, Role
from chatbot.database.context import ContextSigner
from chatbot.identity.people import tenant_id
from chatbot.model.embedding import HashingEmbedder, vector_text
from development.postgres import DATABASE
from development.stack import Stack
from tests.doubles.person import Person

_KEYWORDS = """
select d.title, k.section, k.content from chatbot.chunks as k join chatbot.documents as d on d.id = k.document_id,
  cast(replace(cast(plainto_tsquery('english', %(question)s) as text), ' & ', ' | ') as tsquery) as terms
where k.words @@ terms order by ts_rank_cd(k.words, terms, 1) desc, k.id limit %(count)s
"""


class Reader:
    """Hybrid retrieval through the turn's own function, or the full-text half of it alone."""

    def __init__(self, stack: Stack, person: Person) -> None:
        user = UUID(person.get("/api/v1/session").json()["user"])
        self._who = Principal(tenant_id("acme"), user, Role.MEMBER, "Alice")
        self._signer = ContextSigner(bytes.fromhex(stack.secrets["database_context_key"]), "chatbot_api")
        self._conversation = person.begin()
        self._connection = psycopg.connect(
            host=str(stack.places.sockets),
            user="chatbot_api",
            dbname=DATABASE,
            password=stack.secrets["database_api_password"],
            row_factory=dict_row,
        )

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_error: object) -> None:
        self._connection.close()

    def passages(self, question: str, way: str, count: int) -> list[dict[str, Any]]:
        """Return the best passages for `question`, best first."""
        context = self._signer.sign(self._who)
        with self._connection.transaction():
            if way == "keywords only":
                self._connection.execute("select set_config('chatbot.context', %s, true)", (context,))
                return self._connection.execute(_KEYWORDS, {"question": question, "count": count}).fetchall()
            vector = vector_text(HashingEmbedder().embed(question))
            row = self._connection.execute(
                "select passages from chatbot.recall_turn(%s, %s, %s, %s, %s, 0, 0)",
                (context, self._conversation, question, vector, count),
            ).fetchone()
        assert row is not None
        return list(row["passages"])
