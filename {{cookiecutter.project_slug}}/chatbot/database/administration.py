"""People: noted at their sign-in, and administered by others of the same tenant (part of control api-authz).

Row-level security and `secure.acting_role()` decide again what the policy decided: a statement of somebody who is no
administrator changes no row, whatever the gateway believes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from chatbot.core.principal import Principal, Role
from chatbot.database.tables import Tenant, User

_KEY = "id name hint scopes networks created_at expires_at last_used_at revoked_at".split()
PersonRow = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What counts for a person from this sign-in on. `role` is None for somebody suspended.

    `changed`: the role is another one than before, so that earlier sessions must end.
    """

    role: Role | None
    changed: bool


async def enrol(
    connection: AsyncConnection, who: Principal, voucher: str, tenant: str, issuer: str, subject: str
) -> Enrolled:
    """Note a person at sign-in: their tenant, who they are by issuer and subject, the role that the voucher names."""
    await connection.execute(insert(Tenant).values(id=who.tenant_id, slug=tenant).on_conflict_do_nothing())
    noted = func.secure.enrol(voucher, issuer, subject, who.name).table_valued("role", "changed", "monthly_tokens")
    row = (await connection.execute(select(noted))).one()
    return Enrolled(Role(row.role) if row.role else None, row.changed)


async def depart(connection: AsyncConnection) -> bool:
    """Note that the provider no longer names the principal as one of the tenant's; say whether it was known as one."""
    return bool(await connection.scalar(select(func.secure.depart())))


async def read_budget(connection: AsyncConnection, who: Principal) -> int | None:
    """Return the tokens for each month that the tenant's administrator set."""
    return await connection.scalar(select(Tenant.monthly_tokens).where(Tenant.id == who.tenant_id))


async def own_budgets(connection: AsyncConnection, who: Principal) -> tuple[int | None, int | None]:
    """Return the tokens for each month that administrators set: for the principal, and for their tenant."""
    own = await connection.scalar(select(User.monthly_tokens).where(User.id == who.user_id))
    return own, await read_budget(connection, who)


async def change_budget(connection: AsyncConnection, who: Principal, tokens: int | None) -> bool:
    """Set the tenant's tokens for each month, or take them away; False when the caller may not."""
    change = update(Tenant).where(Tenant.id == who.tenant_id).values(monthly_tokens=tokens)
    return (await connection.execute(change)).rowcount == 1


async def acting_role(connection: AsyncConnection) -> Role | None:
    """Return the principal's role as it is now; None when they are suspended."""
    role = await connection.scalar(select(func.secure.acting_role()))
    return Role(role) if role else None


async def lock_people(connection: AsyncConnection) -> None:
    """Let one administrator of a tenant at a time change people: two who demote each other come one after the other."""
    await connection.execute(select(func.secure.lock("people")))


async def list_people(connection: AsyncConnection, most: int) -> Sequence[PersonRow]:
    """Return the tenant's people by name, with the count of their living keys."""
    counted = func.secure.living_keys().table_valued("user_id", "living").alias("counted")
    columns = (User.id, User.name, User.role, User.granted_role, User.suspended_at, User.signed_in_at)
    query = select(*columns, User.monthly_tokens, func.coalesce(counted.c.living, 0).label("keys"))
    query = query.outerjoin(counted, counted.c.user_id == User.id).order_by(User.name, User.id).limit(most)
    rows: Sequence[PersonRow] = (await connection.execute(query)).all()
    return rows


async def has_person(connection: AsyncConnection, person: UUID) -> bool:
    """Say whether there is such a person in the principal's tenant."""
    return await connection.scalar(select(User.id).where(User.id == person)) is not None


async def change_person(connection: AsyncConnection, person: UUID, changed: dict[str, Any]) -> bool:
    """Change `granted_role`, `suspended_at` or `monthly_tokens`; False when there is nobody to change."""
    return (await connection.execute(update(User).where(User.id == person).values(changed))).rowcount == 1


async def keys_of(connection: AsyncConnection, person: UUID) -> Sequence[PersonRow]:
    """Return a person's keys, the latest first."""
    found = func.secure.keys_of(person).table_valued(*_KEY)
    rows: Sequence[PersonRow] = (await connection.execute(select(*found.c))).all()
    return rows


async def revoke_key_of(connection: AsyncConnection, person: UUID, key: UUID) -> bool:
    """End a person's key; False when they have no such key that still lives."""
    return bool(await connection.scalar(select(func.secure.revoke_key_of(person, key))))
