"""How often each thing may be asked for (the table of control api-rate). A setting can give a row another number.

By address comes first, before any secret is looked at; by person afterwards. What no row of its own names has the rows
for requests of every kind.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.types import Scope

from chatbot.gateway.access.actions import Matched
from chatbot.identity.permissions import Action as A
from chatbot.limits.rates import By, Rate

# row -> limit; the names are the settings'
DEFAULTS: Mapping[str, str] = {
    "requests-by-address": "3000/minute",
    "requests-by-person": "1200/minute",
    "refused-credentials-by-address": "60/minute",
    "sign-ins-by-address": "120/minute",
    "reports-by-address": "60/minute",
    "files-by-address": "6000/minute",
    "questions-by-person": "60/minute",
    "completions-by-person": "240/minute",
    "uploads-by-person": "120/minute",
    "new-keys-by-person": "30/hour",
}
_BY_ACTION = {
    A.ASK: "questions-by-person",
    A.COMPLETE: "completions-by-person",
    A.CHANGE_DOCUMENTS: "uploads-by-person",
    A.MAKE_KEYS: "new-keys-by-person",
}
_BY_PATH = {
    "/auth/login": "sign-ins-by-address",
    "/auth/callback": "sign-ins-by-address",
    "/csp-report": "reports-by-address",
}
# their answers cost a model's time: rates, budget and session are one round trip
_ANSWERING = frozenset({("POST", A.ASK), ("POST", A.COMPLETE)})


@dataclass(frozen=True, slots=True)
class RateTable:
    """The rows, with the settings' numbers."""

    rows: Mapping[str, Rate]

    @classmethod
    def of(cls, chosen: Mapping[str, str]) -> "RateTable":
        """Return the table with other limits for the rows in `chosen`. Raises `ValueError` for an unknown row."""
        if unknown := sorted(set(chosen) - set(DEFAULTS)):
            raise ValueError(f"there is no rate called {unknown[0]}: there are {', '.join(DEFAULTS)}")
        rows = {}
        for name, text in {**DEFAULTS, **chosen}.items():
            kind, _, by = name.rpartition("-by-")
            rows[name] = Rate.of(kind, By(by), text)
        return cls(rows)

    def files(self) -> Rate:
        """Return the row for the page's own files and the health checks, which need nobody's account."""
        return self.rows["files-by-address"]

    def refused(self, cost: int) -> Rate:
        """Return the row for credentials that opened nothing: looked at before each one, counted after."""
        rate = self.rows["refused-credentials-by-address"]
        return Rate(rate.name, rate.by, rate.limit, cost)

    def by_address(self, path: str, *, credential: bool) -> Sequence[Rate]:
        """Return the rows by address; with a `credential` in the header, refused ones count too."""
        own = [self.rows[_BY_PATH[path]]] if path in _BY_PATH else []
        return [self.rows["requests-by-address"], *own, *([self.refused(0)] if credential else [])]

    def by_person(self, matched: Matched) -> Sequence[Rate]:
        """Return the rows by person."""
        own = _BY_ACTION.get(matched.action) if matched.action else None
        return [self.rows["requests-by-person"], *([self.rows[own]] if own else [])]


def is_answering(scope: Scope) -> bool:
    """Say whether a model answers the request."""
    return (scope["method"], scope["matched"].action) in _ANSWERING
