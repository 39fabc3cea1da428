"""What a caller writes arrives in the database as it is, character for character, at each statement's own seam (sql-params)."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from chatbot.database import conversations, documents
from chatbot.database.documents import NewDocument
from chatbot.database.engines import Database
from development.stack import Stack
from tests.contract.test_pools import settings_of
from tests.doubles.database import principal_of, signer
from tests.doubles.person import Person

HOSTILE = ["x' || 'y", "'); select 1; --", "%s %(x)s :x {0} $1", "\\'; --", 'a"b', "$$x$$", "é\u2028\t", "x' OR '1'='1"]


@pytest.fixture
def run(stack: Stack, alice: Person) -> Callable[[Callable[..., Awaitable[Any]]], Any]:
    """Return a function that runs an action on the gateway's own connection, acting for Alice."""
    who = principal_of(alice, "acme")

    def act(action: Callable[..., Awaitable[Any]]) -> Any:
        async def inside() -> Any:
            secret = stack.secrets["database_api_password"]
            database = Database(settings_of(stack, "gateway"), signer(stack, "api"), secret)
            try:
                async with database.acting_for(who) as connection:
                    return await action(connection, who)
            finally:
                await database.close()

        return asyncio.run(inside())

    return act


@pytest.mark.parametrize("text", HOSTILE)
def test_a_document_s_title_and_text_are_kept_as_they_are(run: Callable[..., Any], text: str) -> None:
    async def action(connection: Any, who: Any) -> Any:
        kept = await documents.keep_document(
            connection, who, NewDocument(text, "text/plain", text.encode(), shared=False)
        )
        found = [await listed(connection, who, kept)]
        await documents.change_document(connection, who, kept, {"title": text + text})
        await documents.mark_failed(connection, kept, text)
        return [*found, await listed(connection, who, kept)]

    async def listed(connection: Any, who: Any, document: Any) -> Any:
        rows = await documents.list_documents(connection, who, timedelta(hours=1))
        return next(row for row in rows if row.id == document)

    first, then = run(action)
    assert first.title == text
    assert (then.title, then.problem) == (text + text, text)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_conversation_s_title_and_folder_are_kept_as_they_are(run: Callable[..., Any], text: str) -> None:
    async def action(connection: Any, who: Any) -> Any:
        begun = await conversations.create_conversation(connection, who)
        await conversations.change_conversation(connection, begun, {"title": text, "folder": text})
        return await conversations.find_conversation(connection, begun)

    found = run(action)
    assert (found.title, found.folder) == (text, text)
