"""How somebody came in: one value, whatever the carrier."""

from dataclasses import dataclass
from enum import StrEnum

from chatbot.core.principal import Principal
from chatbot.identity.keys import KeyScope


class Carrier(StrEnum):
    """What brings a principal to the gate. A request has one."""

    SESSION = "session"
    KEY = "key"
    TOKEN = "token"  # noqa: S105 - a word, no secret
    CERTIFICATE = "certificate"


@dataclass(frozen=True, slots=True)
class Admission:
    """A principal, and the credential that they came with.

    `credential` names it for lists and records, and opens nothing. `scopes` is what a program's credential is limited
    to, None for a person's session. `authenticated_at` is when the person last proved who they are, in seconds since
    1970; 0 for programs, which prove nothing anew.
    """

    principal: Principal
    carrier: Carrier
    credential: str
    scopes: frozenset[KeyScope] | None = None
    authenticated_at: int = 0
