"""What a stored document says, whatever its kind. Runs in the worker, under its time limit.

Text, Markdown and CSV are read here; a kind that takes a parser is read in a confined process.
"""

import csv

from chatbot.core.errors import Unprocessable
from chatbot.retrieval.chunking import sections_of_markdown
from chatbot.retrieval.cleaning import clean_text
from chatbot.retrieval.confined import read_confined
from chatbot.retrieval.outline import Reading, Section

_MOST_COLUMNS, _MOST_FIELD = 100, 10_000


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
    return Reading([Section("", _text_of_csv(text) if media_type == "text/csv" else text)], hidden)


def _clean(sections: list[Section], hidden: int) -> Reading:
    cleaned = []
    for section in sections:
        title, in_title = clean_text(section.title)
        text, in_text = clean_text(section.text)
        cleaned.append(Section(" ".join(title.split()), text))
        hidden += in_title + in_text
    return Reading(cleaned, hidden)


def _text_of_csv(body: str) -> str:
    """Return each row as a paragraph of one line, every value behind its column's name."""
    csv.field_size_limit(_MOST_FIELD)
    first = body.split("\n", 1)[0]
    delimiter = max(",;\t|", key=first.count)
    try:
        rows = [row[:_MOST_COLUMNS] for row in csv.reader(body.splitlines(), delimiter=delimiter, strict=True)]
    except csv.Error:
        raise Unprocessable("The file is no sound CSV: check its quotes, and that no field is too long.") from None
    rows = [row for row in rows if any(row)]
    if not rows:
        return ""
    names = rows[0]
    paragraphs = [
        "; ".join(
            f"{names[place] if place < len(names) else 'more'}: {value}" for place, value in enumerate(row) if value
        )
        for row in rows[1:]
    ]
    return "\n\n".join(paragraphs) or ", ".join(names)
