"""API keys as text: made, recognised, digested (part of control api-auth).

A key reads `cbk_` + 43 characters (256 random bits) + 6 characters (their CRC-32), all of 0-9A-Za-z. The prefix and the
checksum let a secret scanner find a leaked key without asking anybody, and let nonsense be refused without a look-up.
Only the SHA-256 of a key is kept: with 256 random bits there is nothing to guess, so no slow digest is needed.
"""

import hashlib
import re
import secrets
import string
import zlib
from enum import StrEnum

PREFIX = "cbk_"
HINT_CHARACTERS = 10
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM, _CHECK = 43, 6
_FORM = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{_RANDOM + _CHECK}}}", re.ASCII)


class KeyScope(StrEnum):
    """What a key may do; a key has at least one, and reaches nothing else."""

    CHAT = "chat"
    DOCUMENTS = "documents"


def new_key() -> str:
    """Return a new key. It is shown once and kept nowhere."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM))
    return f"{PREFIX}{body}{_checksum(body)}"


def is_key(text: str) -> bool:
    """Say whether `text` has the form of a key, its checksum included."""
    return _FORM.fullmatch(text) is not None and _checksum(text[len(PREFIX) : -_CHECK]) == text[-_CHECK:]


def digest_key(key: str) -> bytes:
    """Return the SHA-256 of a key."""
    return hashlib.sha256(key.encode("ascii")).digest()


def _checksum(body: str) -> str:
    number, found = zlib.crc32(body.encode("ascii")), ""
    for _ in range(_CHECK):
        number, place = divmod(number, len(_ALPHABET))
        found = _ALPHABET[place] + found
    return found
