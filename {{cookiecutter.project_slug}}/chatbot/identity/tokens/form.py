"""The form of a signed token, judged before any library takes it apart (part of control acc-identity).

Stops: unsigned and encrypted tokens, keys and rules that a token brings along (CVE-2026-28802, CVE-2026-27962,
CVE-2025-59420), tokens that are costly to read (CVE-2025-61920), one kind of token in another's place (RFC 8725,
sections 3.11 and 3.12). Fails closed: what is not wholly of this form is none.
"""

import base64
import json
import re
from collections.abc import Collection
from typing import Any

LONGEST_TOKEN = 8 * 1024
_LONGEST_HEADER = 512
_SEGMENT = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
# it would bring its own key, rules of its own, or a second form
_REFUSED = frozenset({"crit", "jwk", "jku", "x5u", "x5c", "b64", "zip", "enc"})


class NoToken(ValueError):
    """The text is no signed token of the wanted kind. The message names no part of it."""


def read_header(token: object, types: Collection[str]) -> dict[str, Any]:
    """Return the header of a compact JWS (RFC 7515, section 7.1) whose `typ`, "" for none, is among `types`.

    Nothing in it is verified yet. Raises `NoToken`.
    """
    if not isinstance(token, str) or len(token) > LONGEST_TOKEN:
        raise NoToken("missing or too long")
    parts = token.split(".", 5)
    if len(parts) != 3 or not all(map(_is_canonical, parts)) or len(parts[0]) > _LONGEST_HEADER:
        raise NoToken("not of the form of a signed token")
    header = _read_json(parts[0])
    if _REFUSED & header.keys():
        raise NoToken("a header that is not taken")
    kind = header.get("typ", "")
    # RFC 7515, section 4.1.9: case does not count, and "application/" may be left away
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in types:
        raise NoToken("another type of token")
    if not all(isinstance(header.get(name, ""), str) for name in ("alg", "kid")):
        raise NoToken("not of the form of a signed token")
    return header


def _is_canonical(segment: str) -> bool:
    """Say whether this is base64url as one would write it: no second spelling of a token passes as another one."""
    if _SEGMENT.fullmatch(segment) is None:
        return False
    try:
        decoded = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except ValueError:
        return False
    return base64.urlsafe_b64encode(decoded).rstrip(b"=") == segment.encode()


def _read_json(segment: str) -> dict[str, Any]:
    try:
        text = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)).decode("utf-8")
        header = json.loads(text, object_pairs_hook=_distinct)
    except (ValueError, RecursionError) as error:
        raise NoToken("a header that cannot be read") from error
    if not isinstance(header, dict):
        raise NoToken("a header that cannot be read")
    return header


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NoToken("a name twice")  # two readers could take two values
    return found
