"""One line in the log for whatever a control refuses: what an operator watches, and what proofs count."""

import logging

_log = logging.getLogger("chatbot.refusals")


def note_refusal(control: str, why: str, count: int = 1) -> None:
    """Log that `control` (its id in controls.toml) refused `count` things. `why` never holds what was sent."""
    _log.warning("refused", extra={"control": control, "why": why, "count": count})
