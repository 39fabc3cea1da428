"""Names that people give to things, and texts of theirs that are shown."""

from typing import Annotated

from pydantic import AfterValidator

from chatbot.core.visible import visible_text


def as_label(text: str) -> str:
    """Return a name on one line as it is seen: what is not could hide or turn round what stands there."""
    return " ".join(visible_text(text).split())


def _not_empty(text: str) -> str:
    if not text:
        raise ValueError("holds no visible character")
    return text


Label = Annotated[str, AfterValidator(as_label)]
Name = Annotated[Label, AfterValidator(_not_empty)]
# a stored row may be older than a rule about what is seen
Shown = Annotated[str, AfterValidator(visible_text)]
