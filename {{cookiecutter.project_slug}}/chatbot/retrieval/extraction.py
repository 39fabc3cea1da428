"""The text of a document whose kind is not text already. Runs in the worker, under its time limit."""

import csv

from chatbot.core.errors import Unprocessable

_MOST_COLUMNS, _MOST_FIELD = 100, 10_000


def extract_text(media_type: str, body: str) -> str:
    """Return the text of a stored document. Raises `Unprocessable` when it cannot be read."""
    return _text_of_csv(body) if media_type == "text/csv" else body


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
