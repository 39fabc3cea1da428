"""How an end-to-end attack says that it was won: at its goal, and nowhere else.

A precondition that fails, a page that breaks or a wrong status is no victory: only this is.
"""


class AttackWon(AssertionError):
    """The attacker has what they came for. The text says what."""


def must_fail(won: object, what: str) -> None:
    """Raise `AttackWon` when the attack was won."""
    if won:
        raise AttackWon(what)
