"""What a tool returned, made harmless to carry (a first part of mcp-results).

Stops: text that people cannot see, content that a page or a model would load or act on, and results without
end. Only text is taken; it is cleaned, cut, and marked untrusted with its source. It never becomes markup:
the model gets it as marked data, and the answer goes through the renderer like any other.
"""

from collections.abc import Sequence

from chatbot.core.untrusted import Untrusted
from chatbot.core.visible import visible_text

_CUT = "\n[cut: the result was longer]"
_NOTHING = "[the tool returned no text]"


def take_text(texts: Sequence[str], left_out: Sequence[str], source: str, most_bytes: int) -> Untrusted:
    """Return `texts` as one untrusted text with remarks on what is missing, in all at most `most_bytes` (UTF-8).

    `left_out` names the kinds of content that were not taken, such as `image`.
    """
    remark = f"\n[left out: {', '.join(sorted(set(left_out)))}]" if left_out else ""
    told = visible_text("\n".join(texts)).strip()
    if not told and not remark:
        told = _NOTHING
    if len(told.encode() + remark.encode()) > most_bytes:
        remark = _CUT + remark
        told = told.encode()[: max(0, most_bytes - len(remark.encode()))].decode("utf-8", "ignore")
    whole = visible_text(told + remark).strip()
    return Untrusted(whole.encode()[:most_bytes].decode("utf-8", "ignore"), source)
