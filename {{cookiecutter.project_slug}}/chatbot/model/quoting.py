"""Other people's text as it is quoted to a model: it cannot cite.

Stops: a passage that says "as [1] and [2] show". A model that repeats it would make live links to documents that do not
say so, since answers cite passages by such numbers. Only the quotation is changed; documents are shown as they are.
"""

import re

import orjson

from chatbot.core.untrusted import Untrusted

_NUMBERED = re.compile(r"\[(\s*\d{1,3}\s*)\]")


def quote_text(quoted: Untrusted) -> str:
    """Return a text with its numbers in round brackets."""
    return _NUMBERED.sub(r"(\1)", quoted.text)


def quote_source(quoted: Untrusted) -> str:
    """Return where a text comes from in the same way, as a JSON string: no title can end it."""
    return orjson.dumps(_NUMBERED.sub(r"(\1)", quoted.source)).decode()
