"""API keys: made, listed and revoked by the person in whose name they act."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from chatbot.core.errors import NotFound, Unprocessable
from chatbot.database.calls.keys import keep_key, list_keys, lock_keys, revoke_key
from chatbot.gateway.dependencies import Using, Who
from chatbot.gateway.labels import Name
from chatbot.identity.keys import KeyScope, new_key

router = APIRouter(prefix="/api/v1/keys")
_MOST_KEYS = 20
DEFAULT_DAYS, MOST_DAYS = 90, 366


def _each_once(scopes: list[KeyScope]) -> list[KeyScope]:
    if len(set(scopes)) != len(scopes):
        raise ValueError("a scope is named twice")
    return scopes


class NewKey(BaseModel):
    """What a new key is called, what it may do, and how many days it lives."""

    model_config = ConfigDict(extra="forbid")
    name: Name = Field(min_length=1, max_length=80)
    scopes: Annotated[list[KeyScope], AfterValidator(_each_once)] = Field(
        min_length=1, max_length=len(KeyScope), json_schema_extra={"uniqueItems": True}
    )
    days: int = Field(default=DEFAULT_DAYS, ge=1, le=MOST_DAYS, strict=True)


class KeyEntry(BaseModel):
    """A key in the list. `hint` is its beginning; the key itself is never shown again."""

    id: UUID
    name: str
    hint: str
    scopes: list[KeyScope]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class MadeKey(KeyEntry):
    """A new key, shown this once."""

    key: str


@router.post("", status_code=201)
async def make_key(wanted: NewKey, who: Who, parts: Using) -> MadeKey:
    """Make a key. The answer holds it; nobody can ask for it again."""
    key = new_key()
    async with parts.database.acting_for(who) as connection:
        await lock_keys(connection, who)
        living = [row for row in await list_keys(connection) if row.revoked_at is None]
        if len(living) >= _MOST_KEYS:
            raise Unprocessable(f"You have {_MOST_KEYS} keys. Revoke one that is no longer used.")
        life = timedelta(days=wanted.days)
        row = await keep_key(connection, who, wanted.name, key, frozenset(wanted.scopes), life)
    return MadeKey.model_validate({**row._mapping, "key": key})


@router.get("")
async def show_keys(who: Who, parts: Using) -> list[KeyEntry]:
    """List one's own keys, the latest first; revoked ones too, until they would have expired."""
    async with parts.database.acting_for(who) as connection:
        return [KeyEntry.model_validate(dict(row._mapping)) for row in await list_keys(connection)]


@router.delete("/{key}", status_code=204)
async def end_key(key: UUID, who: Who, parts: Using) -> Response:
    """Revoke a key: from now on it opens nothing."""
    async with parts.database.acting_for(who) as connection:
        if not await revoke_key(connection, key):
            raise NotFound("There is no such key, or it was revoked already.")
    return Response(status_code=204)
