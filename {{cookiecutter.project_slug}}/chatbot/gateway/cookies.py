"""The two cookies: the session, and the sign-in attempt that is under way (part of control web-session).

`__Host-` (RFC 6265bis) ties a cookie to this very host over a secure context, with no Domain. It still
reaches every port of the host, so the names carry the installation's own identifier.
"""

from collections.abc import Iterable
from dataclasses import dataclass

_LONGEST = 200


@dataclass(frozen=True, slots=True)
class CookieNames:
    """The names of one installation."""

    session: str
    attempt: str

    @classmethod
    def of(cls, instance: str) -> "CookieNames":
        """Return the names for the installation `instance`."""
        return cls(f"__Host-chatbot-{instance}-session", f"__Host-chatbot-{instance}-attempt")


def set_cookie(name: str, value: str, seconds: int | None) -> str:
    """Return a Set-Cookie value; without `seconds` it lives as long as the browser's session."""
    life = "" if seconds is None else f"; Max-Age={seconds}"
    return f"{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{life}"


def drop_cookie(name: str) -> str:
    """Return a Set-Cookie value that removes the cookie."""
    return set_cookie(name, "", 0)


def read_cookie(headers: Iterable[tuple[bytes, bytes]], name: str) -> str | None:
    """Return a cookie's value; None when it is absent, sent twice with different values, or oversized."""
    wanted = name.encode() + b"="
    found: set[bytes] = set()
    for header, value in headers:
        if header == b"cookie":
            found |= {part.strip()[len(wanted) :] for part in value.split(b";") if part.strip().startswith(wanted)}
    if len(found) != 1:
        return None
    value = found.pop()
    return value.decode("latin-1") if 0 < len(value) <= _LONGEST else None
