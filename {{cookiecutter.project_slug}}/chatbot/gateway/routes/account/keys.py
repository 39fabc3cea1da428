"""API keys: made, listed and revoked by the person in whose name they act."""

from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_interface
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from chatbot.core.errors import NotFound, Unprocessable
from chatbot.database.calls.keys import (
    count_living,
    keep_key,
    list_keys,
    living_key,
    lock_keys,
    revoke_key,
    shorten_key,
)
from chatbot.gateway.dependencies import Using, Who
from chatbot.gateway.labels import Name, Shown
from chatbot.identity.keys import KeyScope, new_key

router = APIRouter(prefix="/api/v1/keys")
_MOST_KEYS, _MOST_NETWORKS = 20, 20
DEFAULT_DAYS, MOST_DAYS = 90, 366
_BYTE = r"(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = rf"^({_BYTE}\.){{3}}{_BYTE}(/(3[0-2]|[12]?[0-9]))?$"
_NO_KEY = "There is no such key, or it was revoked already."


def _each_once(scopes: list[KeyScope]) -> list[KeyScope]:
    if len(set(scopes)) != len(scopes):
        raise ValueError("a scope is named twice")
    return scopes


def _as_networks(texts: list[str]) -> list[str]:
    """Return addresses and networks in the form of networks, each once."""
    found: dict[IPv4Network | IPv6Network, None] = {}
    for text in texts:
        try:
            found[ip_interface(text if "%" not in text else "").network] = None  # a zone is one machine's own
        except ValueError:
            raise ValueError("must be addresses or networks, as in 192.0.2.7 or 2001:db8::/32") from None
    return [str(network) for network in found]


class NewKey(BaseModel):
    """What a new key is called, what it may do, from where, and how many days it lives."""

    model_config = ConfigDict(extra="forbid")
    name: Name = Field(min_length=1, max_length=80)
    scopes: Annotated[list[KeyScope], AfterValidator(_each_once)] = Field(
        min_length=1, max_length=len(KeyScope), json_schema_extra={"uniqueItems": True}
    )
    networks: Annotated[list[str], AfterValidator(_as_networks)] = Field(
        default=[],
        max_length=_MOST_NETWORKS,
        json_schema_extra={
            "items": {
                "anyOf": [
                    {"type": "string", "pattern": _IPV4, "maxLength": 18},
                    {"type": "string", "format": "ipv6", "maxLength": 43},
                ]
            }
        },
    )
    days: int = Field(default=DEFAULT_DAYS, ge=1, le=MOST_DAYS, strict=True)


class Rotation(BaseModel):
    """How long the old key stays good beside its successor, and how long that one lives."""

    model_config = ConfigDict(extra="forbid")
    overlap_hours: int = Field(default=24, ge=0, le=30 * 24, strict=True)
    days: int = Field(default=DEFAULT_DAYS, ge=1, le=MOST_DAYS, strict=True)


_AS_USUAL = Rotation()


class KeyEntry(BaseModel):
    """A key in the list. `hint` is its beginning; the key itself is never shown again."""

    id: UUID
    name: Shown
    hint: str
    scopes: list[KeyScope]
    networks: Annotated[list[str], BeforeValidator(lambda networks: list(map(str, networks)))]
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
        await lock_keys(connection)
        _must_have_room(await count_living(connection))
        row = await keep_key(connection, who, key, wanted.model_dump(exclude={"days"}), timedelta(days=wanted.days))
    return MadeKey.model_validate({**row._mapping, "key": key})


@router.post("/{key}/rotation", status_code=201)
async def rotate_key(key: UUID, who: Who, parts: Using, wanted: Rotation = _AS_USUAL) -> MadeKey:
    """Make a successor that may do the same; the old key ends after the overlap, at once without one."""
    made = new_key()
    async with parts.database.acting_for(who) as connection:
        await lock_keys(connection)
        old = await living_key(connection, key)
        if old is None:
            raise NotFound(_NO_KEY)
        if wanted.overlap_hours:
            _must_have_room(await count_living(connection))
            await shorten_key(connection, key, timedelta(hours=wanted.overlap_hours))
        else:
            await revoke_key(connection, key)
        same = {"name": old.name, "scopes": old.scopes, "networks": old.networks}
        row = await keep_key(connection, who, made, same, timedelta(days=wanted.days))
    return MadeKey.model_validate({**row._mapping, "key": made})


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
            raise NotFound(_NO_KEY)
    return Response(status_code=204)


def _must_have_room(living: int) -> None:
    if living >= _MOST_KEYS:
        raise Unprocessable(f"You have {_MOST_KEYS} keys. Revoke one that is no longer used.")
