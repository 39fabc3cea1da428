"""What programs carry: API keys; access tokens and certificates of services (part of control api-auth).

A service has a row among its tenant's people, noted when it first comes, so that what it makes is its own, and so that
an administrator can suspend it. Fails closed: a service that is suspended, or was given another role, stays out.
"""

from collections.abc import Sequence
from uuid import UUID

from chatbot.core.principal import Role
from chatbot.database.administration import enrol
from chatbot.database.calls.keys import KeyStore
from chatbot.database.calls.standing import StandingStore
from chatbot.database.engines import Database
from chatbot.identity.admission import Admission
from chatbot.identity.certificates import Certificates
from chatbot.identity.keys import PREFIX
from chatbot.identity.tokens.access import AccessTokens, Machine
from chatbot.monitoring.refusals import note_refusal


class Programs:
    """Finds whose credential a program carries."""

    def __init__(
        self,
        keys: KeyStore,
        tokens: AccessTokens,
        certificates: Certificates,
        database: Database,
        standing: StandingStore,
    ) -> None:
        self._keys = keys
        self._tokens = tokens
        self._certificates = certificates
        self._database = database
        self._standing = standing
        self._noted: set[UUID] = set()  # as many as the settings list services

    async def find(self, text: str, address: str) -> Admission | None:
        """Return whose key or token `text` is, or None. Raises `DatabaseFault` or `Unavailable`.

        `address` is where the request comes from; a key may be for use from some only.
        """
        if text.startswith(PREFIX):
            return await self._keys.find(text, address)
        return await self._enter(await self._tokens.find(text))

    async def find_by_certificate(self, chain: Sequence[bytes]) -> Admission | None:
        """Return whose certificate it is, with its verified chain behind it, or None. Raises as `find`."""
        return await self._enter(self._certificates.find(chain))

    async def _enter(self, machine: Machine | None) -> Admission | None:
        if machine is None:
            return None
        who = machine.admission.principal
        role = await self._standing.role(who) if who.user_id in self._noted else await self._note(machine)
        if role is not Role.SERVICE:
            note_refusal("api-authz", "suspended")
            return None
        return machine.admission

    async def _note(self, machine: Machine) -> Role | None:
        who = machine.admission.principal
        async with self._database.acting_for(who) as connection:
            voucher = self._database.vouch_for(who, machine.issuer, machine.subject)
            noted = await enrol(connection, who, voucher, machine.tenant, machine.issuer, machine.subject)
        self._noted.add(who.user_id)
        return noted.role
