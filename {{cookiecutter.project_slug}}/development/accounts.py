"""The demo accounts: two tenants, members and admins; and a service."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Account:
    """A person of the development identity provider."""

    name: str
    full_name: str
    tenant: str
    role: str

    @property
    def group(self) -> str:
        """The provider's group that stands for tenant and role."""
        return f"{self.tenant}-{self.role}s"


ACCOUNTS = (
    Account("alice", "Alice Archer", "acme", "member"),
    Account("bob", "Bob Baker", "acme", "member"),
    Account("ada", "Ada Adeyemi", "acme", "admin"),
    Account("carol", "Carol Cole", "globex", "member"),
    Account("grace", "Grace Gupta", "globex", "admin"),
)
GROUPS = {account.group: (account.tenant, account.role) for account in ACCOUNTS}
# as CHATBOT_IDENTITY__SERVICES has them
SERVICES: dict[str, dict[str, Any]] = {
    "reports": {
        "tenant": "acme",
        "scopes": ["chat", "documents"],
        "name": "Nightly reports",
        "certificate": "spiffe://acme.example/reports",
    },
}
