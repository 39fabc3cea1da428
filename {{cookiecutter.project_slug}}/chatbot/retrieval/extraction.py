"""What a stored document says, whatever its kind. Runs in the worker; the parsing is done in a confined process."""

from chatbot.core.visible import read_visible
from chatbot.retrieval.confined import LONGEST_SECONDS, read_confined
from chatbot.retrieval.outline import Reading, Section


def extract_text(media_type: str, body: bytes, seconds: float = LONGEST_SECONDS) -> Reading:
    """Return the text of a stored document, hidden characters taken out and counted.

    Raises `Unprocessable` when it cannot be read, or not in so many seconds.
    """
    found = read_confined(media_type, body, seconds)
    cleaned, hidden = [], found.hidden
    for section in found.sections:
        title, in_title = read_visible(section.title)
        text, in_text = read_visible(section.text)
        cleaned.append(Section(" ".join(title.split()).strip(" ›"), text))
        hidden += in_title + in_text
    return Reading(cleaned, hidden, found.notes)
