"""The text of a PDF that its reader sees, page by page. Runs confined.

Only the pages' own drawing is read: no script, form field, attachment, metadata or comment. Text recognition is no
part of it: a scan holds no text.
"""

import io

from pypdf import Configuration, PdfReader, apply_configuration
from pypdf.errors import LimitReachedError, PyPdfError

from chatbot.retrieval.outline import Outline, Reading
from chatbot.retrieval.parsing.ink import Ink, hidden_layers
from chatbot.retrieval.refusal import Refusal, Refused

_MOST_PAGES = 500
_MOST_UNPACKED = 64 * 1024 * 1024


def read_pdf(body: bytes) -> Reading:
    """Return what is visible in a PDF, each page a section. Raises `Refused`."""
    try:
        with apply_configuration(_LIMITS):
            return _read(body)
    except LimitReachedError:
        raise Refused(Refusal.BOMB) from None
    except _FLAWS:
        raise Refused(Refusal.BROKEN) from None


# what pypdf raises for a file that is put together wrongly
_FLAWS = (
    PyPdfError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    NotImplementedError,
)
# no outside program may be run for images, and none could be
_LIMITS = Configuration(
    jbig2dec_binary=None,
    zlib_maximum_output_length=_MOST_UNPACKED,
    lzw_maximum_output_length=_MOST_UNPACKED,
    run_length_maximum_output_length=_MOST_UNPACKED,
    array_based_stream_maximum_output_length=_MOST_UNPACKED,
    disable_legacy_handling=True,
)


def _read(body: bytes) -> Reading:
    reader = PdfReader(io.BytesIO(body))
    if reader.is_encrypted:
        raise Refused(Refusal.ENCRYPTED)
    if len(reader.pages) > _MOST_PAGES:
        raise Refused(Refusal.PAGES)
    layers = hidden_layers(reader)
    outline, hidden = Outline(), 0
    for number, page in enumerate(reader.pages, start=1):
        ink = Ink(page, layers)
        outline.heading(1, f"Page {number}")
        text = page.extract_text(visitor_operand_before=ink.before, visitor_operand_after=ink.after)
        outline.paragraph("\n".join(line.rstrip() for line in text.splitlines()))
        hidden += ink.hidden
    return Reading(outline.sections, hidden)
