"""Names that people give to things."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator


def _as_label(text: str) -> str:
    """Return a name without control and invisible characters, which could hide or turn round what stands there."""
    return "".join(c for c in text if unicodedata.category(c)[0] != "C").strip()


def _not_empty(text: str) -> str:
    if not text:
        raise ValueError("holds no visible character")
    return text


Label = Annotated[str, AfterValidator(_as_label)]
Name = Annotated[Label, AfterValidator(_not_empty)]
