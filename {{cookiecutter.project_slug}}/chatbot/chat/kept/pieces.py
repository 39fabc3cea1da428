"""Kept messages in pieces: whatever their number, one batch is in memory, and one message is worked on in a thread.

A batch is read in a transaction of its own, so that a slow reader holds no connection to the database.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from itertools import islice
from typing import Any
from uuid import UUID

from chatbot.chat.kept.searching import BATCH, MAX_CHARACTERS, MAX_MESSAGES, Search
from chatbot.core.errors import Problem
from chatbot.core.principal import Principal
from chatbot.database import conversations as table
from chatbot.database.engines import Database
from chatbot.limits.heavy import HeavyWork

_BATCH = 32  # messages; one has 64,000 characters at most


class KeptMessages:
    """Reads messages for one principal."""

    def __init__(self, database: Database, heavy: HeavyWork, principal: Principal) -> None:
        self._database = database
        self._heavy = heavy
        self._principal = principal

    async def write(
        self, conversation: UUID, messages: Collection[int], write: Callable[[Any], bytes]
    ) -> AsyncIterator[bytes]:
        """Yield what `write` makes of each message of a conversation."""
        left = iter(messages)
        while batch := list(islice(left, _BATCH)):
            async with self._database.acting_for(self._principal) as connection:
                rows = await table.read_messages(connection, conversation, batch)
            for row in rows:
                yield await self._heavy.run(self._principal.user_id, write, row)

    async def search(self, words: str, has_left: Callable[[], Awaitable[bool]]) -> Search:
        """Return a search that has read the principal's latest messages. Raises `Problem` when its reader has left."""
        search = Search(words)
        async with self._database.acting_for(self._principal) as connection:
            left = iter(await table.list_latest_messages(connection, MAX_MESSAGES))
        while batch := list(islice(left, BATCH)):
            if await has_left():
                raise Problem("Nobody waits for this search any more.")
            async with self._database.acting_for(self._principal) as connection:
                rows = await table.read_texts(connection, batch, MAX_CHARACTERS)
            await self._heavy.run(self._principal.user_id, search.read, rows)
        return search
