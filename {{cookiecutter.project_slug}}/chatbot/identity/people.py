"""From the identity provider's claims to a principal: one mapping, held in the settings."""

import logging
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid5

from chatbot.core.errors import Problem
from chatbot.core.principal import Principal, Role
from chatbot.core.visible import visible_line
from chatbot.monitoring.refusals import note_refusal

_log = logging.getLogger("chatbot.identity")
# identifiers are made from names, so that they are the same in every process and need no look-up
_MAX_NAME = 200
_NAMESPACE = UUID("5f0f2f5e-3a63-5e3e-9c43-5a6b4f1f7e10")


class NotAdmitted(Problem):
    """A person whom the identity provider knows and this application does not admit."""

    status = 403
    title = "This account may not use the application"


def suspended() -> NotAdmitted:
    """Return the refusal of somebody whom an administrator has shut out; the same for everybody."""
    note_refusal("api-authz", "suspended")
    return NotAdmitted("It is suspended. Ask an administrator of your organisation.")


def tenant_id(slug: str) -> UUID:
    """Return the identifier of the tenant called `slug`."""
    return uuid5(_NAMESPACE, f"tenant|{slug}")


def user_id(slug: str, issuer: str, subject: str) -> UUID:
    """Return a person's identifier inside a tenant; the same person in another tenant is somebody else."""
    return uuid5(_NAMESPACE, f"user|{slug}|{issuer}|{subject}")


def service_id(slug: str, issuer: str, client: str) -> UUID:
    """Return a service's identifier inside a tenant: nobody's, even if a person's subject reads the same."""
    return uuid5(_NAMESPACE, f"service|{slug}|{issuer}|{client}")


def read_groups(claims: Mapping[str, Any], claim: str) -> list[str] | None:
    """Return the groups that a claim holds, none for what is no list of names. None: there is no such claim.

    `claim` is a claim's name, or the way to a claim in a claim, as in realm_access.roles.
    """
    found: Any = claims.get(claim)
    if found is None and "." in claim and "/" not in claim:
        found = claims
        for name in claim.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
    if not isinstance(found, list):
        return None if found is None else []
    return found if all(isinstance(name, str) for name in found) else []


def admit(
    claims: Mapping[str, Any], groups: Mapping[str, tuple[str, Role]], claim: str = "groups"
) -> tuple[Principal, str]:
    """Return the principal for verified claims of the provider, and the tenant's slug.

    The first listed group that the person is in decides. Raises `NotAdmitted` when there is none: closed.
    """
    held = read_groups(claims, claim)
    names = set(held or ())
    for group, (tenant, role) in groups.items():
        if group in names:
            issuer, subject = str(claims["iss"]), str(claims["sub"])
            told_names = (claims.get("name"), claims.get("preferred_username"), subject)
            name = next(filter(None, (visible_line(str(name or ""), _MAX_NAME) for name in told_names)), "")
            return Principal(tenant_id(tenant), user_id(tenant, issuer, subject), role, name), tenant
    told = "no such claim" if held is None else f"{len(held)} groups, none of them listed"
    _log.warning("account not admitted", extra={"claim": claim, "why": told})
    raise NotAdmitted("None of your groups is given access. Ask an administrator to add you to one.")
