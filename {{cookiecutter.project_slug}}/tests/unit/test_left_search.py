"""A search ends when its reader has left: nobody's processor time goes into an answer that nobody gets (api-capacity)."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest

from chatbot.chat.kept import pieces
from chatbot.chat.kept.searching import BATCH
from chatbot.core.errors import Problem
from chatbot.core.principal import Principal, Role
from chatbot.database.engines import Database
from chatbot.limits.heavy import HeavyWork

ALICE = Principal(UUID(int=1), UUID(int=2), Role.MEMBER, "acme")
CONVERSATION = UUID(int=3)


class Rows:
    """A principal's messages, and how often some of them were read."""

    def __init__(self, count: int) -> None:
        self.count, self.read = count, 0

    @asynccontextmanager
    async def acting_for(self, _principal: Principal) -> AsyncIterator[None]:
        yield None

    async def list_latest_messages(self, _connection: None, limit: int) -> list[int]:
        return list(range(min(self.count, limit)))

    async def read_texts(self, _connection: None, messages: Collection[int], _characters: int) -> list[Any]:
        self.read += 1
        return [SimpleNamespace(conversation_id=CONVERSATION, content="a telescope") for _ in messages]


@pytest.mark.parametrize(("patience", "read"), [(0, 0), (1, 1), (2, 2), (3, 3)])
def test_a_search_reads_no_further_than_its_reader_waits(
    patience: int, read: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, asked = Rows(3 * BATCH), [0]
    monkeypatch.setattr(pieces, "table", rows)

    async def has_left() -> bool:
        asked[0] += 1
        return asked[0] > patience

    async def action() -> None:
        kept = pieces.KeptMessages(cast(Database, rows), HeavyWork(), ALICE)
        if patience < 3:
            with pytest.raises(Problem, match="Nobody waits"):
                await kept.search("telescope", has_left)
        else:
            search = await kept.search("telescope", has_left)
            row = SimpleNamespace(id=CONVERSATION, title="t", folder=None)
            assert [found for found, _ in search.found([row])] == [row]

    asyncio.run(action())
    assert rows.read == read
