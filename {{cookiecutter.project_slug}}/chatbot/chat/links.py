"""Which addresses in an answer may become links (part of control web-output).

Stops: an answer that leads the reader, or carries data, to an address of the attacker's. A link is live
only when its scheme is harmless, its exact target stands in text that the user wrote, and its own text does not look
like another address. Everything else is shown as text. Fails closed: an address that cannot be judged is text.
"""

import re
import unicodedata
from urllib.parse import urlsplit

_WRITTEN = re.compile(r"https?://[^\s<>\"'`\\^{}|]+")
_SCHEMES = frozenset({"http", "https", "mailto"})
_LONGEST = 2000
# a host's name, in letters of any script and with dots of any width, or four numbers
_HOST = re.compile(
    r"[\w-]{1,63}(?:[.\u3002\uff0e\uff61][\w-]{1,63}){0,9}[.\u3002\uff0e\uff61][^\W\d_]{2,24}|\d{1,3}(?:\.\d{1,3}){3}"
)


def written_links(text: str) -> frozenset[str]:
    """Return the web addresses that stand in `text`, without the punctuation that ends a sentence."""
    return frozenset(found.rstrip(".,;:!?)]") for found in _WRITTEN.findall(text))


def names_another(text: str, target: str) -> bool:
    """Say whether a link's text looks like an address other than its target."""
    if text.strip() == target:
        return False
    host = (urlsplit(target).hostname or "").removeprefix("www.")
    named = (found.lower().removeprefix("www.") for found in _HOST.findall(text))
    return "://" in text or any(name != host for name in named)


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
