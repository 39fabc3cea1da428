"""What one attack on a control is, and how it ended."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from chatbot.operations.attack.target import Target


class Verdict(StrEnum):
    """How an attack ended. `NOT_PLAYED` is no success: nothing was learned."""

    HELD = "held"
    BROKEN = "BROKEN"
    NOT_PLAYED = "not played"


@dataclass(frozen=True)
class Outcome:
    """A verdict with its evidence: what was sent and seen, never a secret."""

    verdict: Verdict
    evidence: str


@dataclass(frozen=True)
class Probe:
    """An attack: `wins` says what the attacker has when the control is broken."""

    name: str
    control: str
    attacker: str
    wins: str
    play: Callable[[Target], Outcome]


def held(evidence: str) -> Outcome:
    """Return that the control held."""
    return Outcome(Verdict.HELD, evidence)


def broken(evidence: str) -> Outcome:
    """Return that the attacker won."""
    return Outcome(Verdict.BROKEN, evidence)


def not_played(why: str) -> Outcome:
    """Return that the attack could not be played."""
    return Outcome(Verdict.NOT_PLAYED, why)
