"""What a tool returned, made harmless to carry (a first part of mcp-results).

Stops: text that people cannot see, content that a page or a model would load or act on, and results without
end. Only text is taken; it is cleaned, cut, and marked untrusted with its source. It never becomes markup:
the model gets it as marked data, and the answer goes through the renderer like any other.
"""

from collections.abc import Sequence

from chatbot.core.untrusted import Untrusted
from chatbot.core.visible import visible_text

_CUT = "\n[cut: the result was longer]"


def take_text(texts: Sequence[str], left_out: Sequence[str], source: str, most_bytes: int) -> Untrusted:
    """Return `texts` as one untrusted text of at most `most_bytes` (UTF-8) and a remark on what is missing.

    `left_out` names the kinds of content that were not taken, such as `image`.
    """
    joined = visible_text("\n".join(texts))
    encoded = joined.encode("utf-8", "replace")
    if len(encoded) > most_bytes:
        joined = encoded[:most_bytes].decode("utf-8", "ignore") + _CUT
    if left_out:
        joined += f"\n[left out: {', '.join(sorted(set(left_out)))}]"
    return Untrusted(joined.strip() or "[the tool returned no text]", source)
