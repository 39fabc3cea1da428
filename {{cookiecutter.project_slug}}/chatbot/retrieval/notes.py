"""What the owner of a document is told about how it was read: what was assumed, and what was left out.

Only a note's name and one value leave the confined process: the words are ours.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

_MAX_COUNT = 10**9
_ENCODING = re.compile(r"^[a-z0-9_-]{1,30}$")


class Note(StrEnum):
    """A note by its name."""

    ENCODING = "encoding"
    QUOTES = "quotes"
    COLUMNS = "columns"
    PICTURES = "pictures"
    CHARTS = "charts"
    COMMENTS = "comments"
    OBJECTS = "objects"
    ATTACHMENTS = "attachments"
    SCANS = "scans"
    UNREADABLE = "unreadable"
    UNREAD_PAGES = "unread-pages"


# one word or number for each note: an encoding's name, or a count
Notes = dict[Note, str | int]

_SENTENCES: dict[Note, tuple[str, str]] = {
    Note.ENCODING: ("Read as {}, because the file does not say how its letters are encoded.",) * 2,
    Note.QUOTES: (
        "1 row has an unclosed quotation mark and was read as it stands.",
        "{} rows have an unclosed quotation mark and were read as they stand.",
    ),
    Note.COLUMNS: ("Left out: 1 column beyond the 1,000 that are read.", "Left out: {} columns beyond the 1,000 read."),
    Note.PICTURES: ("Left out: 1 picture.", "Left out: {} pictures."),
    Note.CHARTS: ("Left out: 1 chart or diagram.", "Left out: {} charts or diagrams."),
    Note.COMMENTS: ("Left out: 1 comment.", "Left out: {} comments."),
    Note.OBJECTS: ("Left out: 1 embedded object.", "Left out: {} embedded objects."),
    Note.ATTACHMENTS: ("Left out: 1 attached file.", "Left out: {} attached files."),
    Note.SCANS: (
        "Left out: 1 page without text. It may be a scan: run text recognition on it first.",
        "Left out: {} pages without text. They may be scans: run text recognition on them first.",
    ),
    Note.UNREADABLE: (
        "1 character could not be read: its font does not say which letter it is.",
        "{} characters could not be read: their fonts do not say which letters they are.",
    ),
    Note.UNREAD_PAGES: (
        "Left out: 1 page of more parts than can be read in time.",
        "Left out: {} pages of more parts than can be read in time.",
    ),
}


def check_notes(told: Any) -> Notes:
    """Return the notes that a confined process wrote.

    Raises `ValueError`, `TypeError` or `AttributeError` for anything else.
    """
    notes: Notes = {}
    for name, value in told.items():
        note = Note(name)
        if note is Note.ENCODING:
            if not _ENCODING.match(value):
                raise ValueError("an encoding's name")
        elif type(value) is not int or not 0 < value < _MAX_COUNT:
            raise ValueError("a count")
        notes[note] = value
    return notes


def describe_notes(notes: Mapping[str, str | int]) -> list[str]:
    """Return the notes as sentences, in the order of `Note`."""
    return [_SENTENCES[note][notes[note] != 1].format(notes[note]) for note in Note if note in notes]
