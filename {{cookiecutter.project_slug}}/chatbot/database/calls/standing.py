"""Whether somebody may still be here: one fixed call (part of control api-authz)."""

from chatbot.core.principal import Principal, Role
from chatbot.database.calls.pool import FixedCalls
from chatbot.database.context import ContextSigner

_STANDING = "SELECT secure.standing($1)"


class StandingStore:
    """Finds what role a person has now."""

    def __init__(self, calls: FixedCalls, signer: ContextSigner) -> None:
        self._calls = calls
        self._signer = signer

    async def role(self, who: Principal) -> Role | None:
        """Return the role; None for somebody suspended or unknown. Raises `DatabaseFault` or `Unavailable`."""
        row = await self._calls.row(_STANDING, self._signer.sign(who))
        return Role(row[0]) if row is not None and row[0] is not None else None
