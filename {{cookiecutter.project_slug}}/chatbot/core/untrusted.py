"""Text that somebody other than this program wrote, marked by type.

A passage of a document, a tool's result or a model's answer is data. The type keeps it from being
joined to instructions by accident: it is no `str`, and has no `+`, `%` or `format`. What nobody can see of it is
removed where it is marked, so there is no way into a prompt for hidden text of others.
"""

from dataclasses import dataclass

from chatbot.core.visible import visible_line, visible_text

_MAX_SOURCE = 1500  # the longest title and section


@dataclass(frozen=True, slots=True)
class Untrusted:
    """Text with its provenance.

    `source` names where it came from, for people (a document's title, a server's name).
    """

    text: str
    source: str

    def __post_init__(self) -> None:
        """Leave what can be seen."""
        object.__setattr__(self, "text", visible_text(self.text))
        object.__setattr__(self, "source", visible_line(self.source, _MAX_SOURCE))

    def __str__(self) -> str:
        raise TypeError("Untrusted text is never turned into a plain string implicitly: use .text where it is quoted")

    def __format__(self, spec: str) -> str:
        raise TypeError("Untrusted text is never formatted into another text: use .text where it is quoted")
