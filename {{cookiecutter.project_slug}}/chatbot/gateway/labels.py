"""Names that people give to things."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator

from chatbot.core.folding import limit_marks


def as_label(text: str) -> str:
    """Return a name without control and invisible characters, which could hide or turn round what stands there."""
    return limit_marks("".join(c for c in text if unicodedata.category(c)[0] != "C").strip())


def _not_empty(text: str) -> str:
    if not text:
        raise ValueError("holds no visible character")
    return text


Label = Annotated[str, AfterValidator(as_label)]
Name = Annotated[Label, AfterValidator(_not_empty)]
