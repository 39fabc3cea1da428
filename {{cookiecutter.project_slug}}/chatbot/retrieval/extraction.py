"""What a stored document says, whatever its kind. Runs in the worker, under its time limit.

Text, Markdown and CSV are read here; a kind that takes a parser is read in a confined process.
"""

import csv

from chatbot.core.errors import Unprocessable
from chatbot.retrieval.chunking import sections_of_markdown
from chatbot.retrieval.cleaning import clean_text
from chatbot.retrieval.confined import read_confined
from chatbot.retrieval.outline import Outline, Reading, Section, TooMuchText
from chatbot.retrieval.refusal import DETAILS, Refusal

_MOST_COLUMNS, _MOST_FIELD, _MOST_NAME = 100, 10_000, 120


def extract_text(media_type: str, body: bytes) -> Reading:
    """Return the text of a stored document, hidden characters taken out and counted.

    Raises `Unprocessable` when it cannot be read.
    """
    if not media_type.startswith("text/") or media_type == "text/html":
        found = read_confined(media_type, body)
        return _clean(found.sections, found.hidden)
    text, hidden = clean_text(body.decode("utf-8-sig"))  # the gateway has tried that
    if media_type == "text/markdown":
        return Reading(sections_of_markdown(text), hidden)
    return Reading(_text_of_csv(text) if media_type == "text/csv" else [Section("", text)], hidden)


def _clean(sections: list[Section], hidden: int) -> Reading:
    cleaned = []
    for section in sections:
        title, in_title = clean_text(section.title)
        text, in_text = clean_text(section.text)
        cleaned.append(Section(" ".join(title.split()), text))
        hidden += in_title + in_text
    return Reading(cleaned, hidden)


def _text_of_csv(body: str) -> list[Section]:
    """Return each row as a paragraph of one line, every value behind its column's name, within the outline's bounds."""
    csv.field_size_limit(_MOST_FIELD)
    first = body.split("\n", 1)[0]
    delimiter = max(",;\t|", key=first.count)
    outline = Outline()
    names: list[str] | None = None
    try:
        for row in csv.reader(body.splitlines(), delimiter=delimiter, strict=True):
            values = row[:_MOST_COLUMNS]
            if not any(values):
                continue
            if names is None:
                names = [name[:_MOST_NAME] for name in values]
            else:
                outline.row(names, values)
    except csv.Error:
        raise Unprocessable("The file is no sound CSV: check its quotes, and that no field is too long.") from None
    except TooMuchText:
        raise Unprocessable(DETAILS[Refusal.TOO_LONG]) from None
    return outline.sections or [Section("", ", ".join(names or []))]
