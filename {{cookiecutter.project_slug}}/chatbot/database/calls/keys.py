"""API keys: found by their digest, listed, made and revoked by their owner (part of control api-auth)."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from chatbot.core.principal import Principal, Role
from chatbot.database.calls.pool import FixedCalls
from chatbot.database.tables import ApiKey
from chatbot.identity.admission import Admission, Carrier
from chatbot.identity.keys import HINT_CHARACTERS, KeyScope, digest_key, is_key

_FIND = "SELECT id, tenant_id, user_id, role, name, scopes FROM secure.find_key($1, $2)"
_SHOWN = (
    ApiKey.id,
    ApiKey.name,
    ApiKey.hint,
    ApiKey.scopes,
    ApiKey.networks,
    ApiKey.created_at,
    ApiKey.expires_at,
    ApiKey.last_used_at,
    ApiKey.revoked_at,
)
KeyRow = Row[*tuple[Any, ...]]


class KeyStore:
    """Finds who holds a key."""

    def __init__(self, calls: FixedCalls) -> None:
        self._calls = calls

    async def find(self, text: str, address: str) -> Admission | None:
        """Return whose key `text` is, or None: malformed, unknown, expired, revoked, or not for use from `address`.

        Raises `DatabaseFault`.
        """
        if not is_key(text):
            return None
        row = await self._calls.row(_FIND, digest_key(text), _as_address(address))
        if row is None:
            return None
        who = Principal(UUID(str(row[1])), UUID(str(row[2])), Role(row[3]), row[4])
        return Admission(who, Carrier.KEY, str(row[0]), frozenset(map(KeyScope, row[5])))


async def lock_keys(connection: AsyncConnection) -> None:
    """Let one request at a time make keys for the principal: they are counted first."""
    await connection.execute(select(func.secure.lock("keys")))


async def list_keys(connection: AsyncConnection) -> Sequence[KeyRow]:
    """Return the principal's own keys that would not have expired yet, the latest first."""
    query = select(*_SHOWN).where(ApiKey.expires_at > func.now()).order_by(ApiKey.created_at.desc())
    return (await connection.execute(query)).all()


async def count_living(connection: AsyncConnection) -> int:
    """Return how many keys of the principal open something."""
    living = select(func.count(ApiKey.id)).where(ApiKey.revoked_at.is_(None), ApiKey.expires_at > func.now())
    return int(await connection.scalar(living) or 0)


async def living_key(connection: AsyncConnection, key: UUID) -> KeyRow | None:
    """Return the principal's own key, unless it was revoked or has expired. Until the end nobody else changes it."""
    living = select(*_SHOWN).where(ApiKey.id == key, ApiKey.revoked_at.is_(None), ApiKey.expires_at > func.now())
    return (await connection.execute(living.with_for_update())).one_or_none()


async def keep_key(
    connection: AsyncConnection, who: Principal, key: str, wanted: Mapping[str, Any], life: timedelta
) -> KeyRow:
    """Keep the digest of a new key with the wanted name, scopes and networks.

    What expired, and all but the latest revoked ones, are removed on the way.
    """
    await connection.execute(select(func.secure.forget_keys()))
    row = insert(ApiKey).values(
        tenant_id=who.tenant_id,
        user_id=who.user_id,
        digest=digest_key(key),
        hint=key[:HINT_CHARACTERS],
        **wanted,
        expires_at=func.now() + life,
    )
    return (await connection.execute(row.returning(*_SHOWN))).one()


async def revoke_key(connection: AsyncConnection, key: UUID) -> bool:
    """End a key at once; False when the principal has no such key that still lives."""
    change = update(ApiKey).where(ApiKey.id == key, ApiKey.revoked_at.is_(None), ApiKey.expires_at > func.now())
    return (await connection.execute(change.values(revoked_at=func.now()))).rowcount == 1


async def shorten_key(connection: AsyncConnection, key: UUID, life: timedelta) -> None:
    """Give the principal's own living key an earlier end, if it is one."""
    await connection.execute(select(func.secure.shorten_key(key, life)))


def _as_address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None  # in no network
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found
