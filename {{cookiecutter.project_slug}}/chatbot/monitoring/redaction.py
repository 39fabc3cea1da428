"""What is never written down (part of control api-audit): secrets and personal data become a word for what they were.

One function for whatever is logged. The forms are those of credentials that are known by their look (this application's
keys, common vendors' keys, tokens, key blocks, passwords in addresses), of e-mail addresses and of card numbers; beside
them this process's own secrets, by their very text. Every pattern is linear in what it reads.
"""

import re
from collections.abc import Iterable

_FORMS = (
    ("key", re.compile(r"cbk_[0-9A-Za-z]{20,60}")),
    ("key", re.compile(r"\b(?:sk|pk|rk|ghp|gho|ghs|glpat|xox[abpr])[-_][0-9A-Za-z_-]{16,200}")),
    ("key", re.compile(r"\bAKIA[0-9A-Z]{16}\b")),
    ("token", re.compile(r"\beyJ[0-9A-Za-z_-]{8,4000}\.[0-9A-Za-z_-]{2,4000}(?:\.[0-9A-Za-z_-]{0,1000})?")),
    ("credential", re.compile(r"(?i)\b(?:bearer|basic) [0-9A-Za-z._~+/=-]{8,4000}")),
    ("cookie", re.compile(r"__Host-[0-9a-z-]{1,60}=[^;\s\"']{1,400}")),
    ("private key", re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^-]{0,8000}(?:-----END [A-Z ]{0,30}-----)?")),
    ("password", re.compile(r"(?<=://)[^\s/:@]{1,100}:[^\s/@]{1,200}(?=@)")),
    (
        "e-mail",
        re.compile(r"(?<![0-9A-Za-z._%+-])[0-9A-Za-z._%+-]{1,64}@[0-9A-Za-z-]{1,63}(?:\.[0-9A-Za-z-]{1,63}){1,8}"),
    ),
)
_CARD = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")
_SHORTEST_SECRET = 8
_LONGEST = 20_000  # of a text that is looked through: what lies beyond is cut off
_own: list[str] = []


def know_secrets(secrets: Iterable[str]) -> None:
    """Take the process's own secrets: their text is never written, wherever it stands."""
    _own[:] = sorted({secret for secret in secrets if len(secret) >= _SHORTEST_SECRET}, key=len, reverse=True)


def redact(text: str) -> str:
    """Return `text` with each secret and each piece of personal data replaced by what it was, in brackets."""
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + " [cut off]"
    for secret in _own:
        if secret in text:
            text = text.replace(secret, "[secret]")
    for name, form in _FORMS:
        text = form.sub(f"[{name}]", text)
    return _CARD.sub(_card, text)


def _card(found: "re.Match[str]") -> str:
    digits = [int(digit) for digit in found[0] if digit.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return "[card]" if (sum(doubled) + sum(digits[-1::-2])) % 10 == 0 else found[0]  # Luhn, ISO/IEC 7812-1
