"""Text that somebody other than this program wrote, marked by type.

A passage of a document, a tool's result or a model's answer is data. The type keeps it from being
joined to instructions by accident: it is no `str`, and has no `+`, `%` or `format`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Untrusted:
    """Text with its provenance.

    `source` names where it came from, for people (a document's title, a server's name).
    """

    text: str
    source: str

    def __str__(self) -> str:
        raise TypeError("Untrusted text is never turned into a plain string implicitly: use .text where it is quoted")

    def __format__(self, spec: str) -> str:
        raise TypeError("Untrusted text is never formatted into another text: use .text where it is quoted")
