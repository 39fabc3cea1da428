"""OAuth 2 access tokens of machines (RFC 9068), from the issuer that people sign in at (part of control acc-identity).

Stops: forged, borrowed, outlived and revoked tokens, and tokens of another kind or for somebody else: a person's ID
token is none (CVE-2025-41258). Only a service that the settings list comes in, in its own tenant, as far as both its
entry and the token reach. Fails closed: a token that cannot be verified now is refused, and none is ever logged.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from chatbot.config.settings import IdentitySettings, Service
from chatbot.core.principal import Principal, Role
from chatbot.identity.admission import Admission, Carrier
from chatbot.identity.keys import KeyScope
from chatbot.identity.people import service_id, tenant_id
from chatbot.identity.tokens.form import NoToken
from chatbot.identity.tokens.issuer import Issuer
from chatbot.identity.tokens.revocation import Revocation
from chatbot.identity.tokens.signed import read_claims
from chatbot.monitoring.refusals import note_refusal

_TYPES = ("at+jwt",)
_LONGEST_LIFE = 24 * 3600
_REQUIRED = ("exp", "iat", "sub", "client_id", "jti")  # RFC 9068, section 2.2, with `iss` and `aud`


@dataclass(frozen=True, slots=True)
class Machine:
    """A service that has proved itself, and what its row in the database is made of."""

    admission: Admission
    tenant: str
    issuer: str
    subject: str


class AccessTokens:
    """Finds which service a token stands for."""

    def __init__(self, settings: IdentitySettings, audience: str, issuer: Issuer, revocation: Revocation) -> None:
        self._settings = settings
        self._audience = audience
        self._issuer = issuer
        self._revocation = revocation

    async def find(self, token: str) -> Machine | None:
        """Return whose token it is, or None for whatever is no valid token. Raises `Unavailable`."""
        try:
            claims = await self._verify(token)
            service = self._service(claims)
        except NoToken as error:
            note_refusal("acc-identity", f"token: {error}")
            return None
        if self._settings.introspects and not await self._revocation.holds(token, claims):
            note_refusal("acc-identity", "token: revoked")
            return None
        return self._admit(claims, service.scopes)

    async def _verify(self, token: str) -> dict[str, Any]:
        rules: dict[str, Any] = {name: {"essential": True} for name in _REQUIRED}
        rules["iss"] = {"essential": True, "value": self._settings.issuer}
        rules["aud"] = {"essential": True, "value": self._audience}
        claims = await read_claims(token, _TYPES, self._issuer, rules)
        if claims["exp"] - claims["iat"] > _LONGEST_LIFE:
            raise NoToken("a life too long")
        if "cnf" in claims:  # bound to a key that is not asked for here: whoever carries it need not be its holder
            raise NoToken("a token that is not for bearers")
        return claims

    def _service(self, claims: Mapping[str, Any]) -> Service:
        client = claims["client_id"]
        service = self._settings.services.get(client) if isinstance(client, str) else None
        # a token that the service holds for a person is theirs, not its own (RFC 9068, section 5)
        if service is None or claims["sub"] != (service.subject or client):
            raise NoToken("no service of ours")
        return service

    def _admit(self, claims: Mapping[str, Any], listed: Iterable[str]) -> Machine:
        named = claims.get("scope")
        granted = set(named.split(" ")) if isinstance(named, str) else set()
        scopes = frozenset(KeyScope(scope) for scope in listed if scope in granted)
        return as_machine(self._settings, str(claims["client_id"]), Carrier.TOKEN, scopes)


def as_machine(settings: IdentitySettings, client: str, carrier: Carrier, scopes: frozenset[KeyScope]) -> Machine:
    """Return the service that the settings list as `client`: the same one, whatever it came with."""
    service = settings.services[client]
    user = service_id(service.tenant, settings.issuer, client)
    who = Principal(tenant_id(service.tenant), user, Role.SERVICE, service.name)
    # named by its service, not by the token: a new token brings no new rates or budgets
    admission = Admission(who, carrier, f"service-{client}", scopes)
    return Machine(admission, service.tenant, settings.issuer, f"service:{client}")
