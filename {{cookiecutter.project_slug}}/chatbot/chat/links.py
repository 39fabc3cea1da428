"""Which addresses in an answer may become links (part of control web-output).

Stops: an answer that leads the reader, or carries data, to an address of the attacker's. A link is live
only when its scheme is harmless and its exact target stands in text that the user wrote. Everything else
is shown as text. Fails closed: an address that cannot be judged is text.
"""

import re
import unicodedata
from urllib.parse import urlsplit

_WRITTEN = re.compile(r"https?://[^\s<>\"'`\\^{}|]+")
_SCHEMES = frozenset({"http", "https", "mailto"})
_LONGEST = 2000


def written_links(text: str) -> frozenset[str]:
    """Return the web addresses that stand in `text`, without the punctuation that ends a sentence."""
    return frozenset(found.rstrip(".,;:!?)]") for found in _WRITTEN.findall(text))


def safe_target(target: str, trusted: frozenset[str]) -> str | None:
    """Return `target` when it may be a live link, else None."""
    if target not in trusted or len(target) > _LONGEST:
        return None
    if any(unicodedata.category(character)[0] in "CZ" for character in target) or "\\" in target:
        return None
    try:
        parts = urlsplit(target)
        named = bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return None
    if parts.scheme not in _SCHEMES or (parts.scheme != "mailto" and not named):
        return None
    return target
