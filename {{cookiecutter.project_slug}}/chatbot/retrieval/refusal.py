"""Why a document is not read. Only the reason's name leaves the confined process: its words are ours."""

from enum import StrEnum


class Refusal(StrEnum):
    """A reason by its name."""

    BROKEN = "broken"
    BOMB = "bomb"
    ENCRYPTED = "encrypted"
    ENTITIES = "entities"
    FAULT = "fault"
    MACROS = "macros"
    NESTED = "nested"
    NO_TEXT = "no-text"
    NOT_WORD = "not-word"
    NOT_TEXT = "not-text"
    PAGES = "pages"
    TOO_LONG = "too-long"
    TOO_COSTLY = "too-costly"
    UNCONFINED = "unconfined"


DETAILS: dict[Refusal, str] = {
    Refusal.BROKEN: "The file is damaged or not of the kind that its name says. Open it, save it anew and upload that.",
    Refusal.BOMB: "Unpacked, the file would be far too large. Save it anew without what is embedded, or split it.",
    Refusal.ENCRYPTED: "The file is encrypted. Remove the password and upload it again.",
    Refusal.FAULT: "It could not be read, by an error on our side. The administrator finds the cause in the log.",
    Refusal.ENTITIES: "The file defines its own entities, as attacks do. Save it anew with a word processor.",
    Refusal.MACROS: "The file is a template or holds macros. Save it as an ordinary Word document (.docx).",
    Refusal.NESTED: "Its parts are nested far too deeply. Save it anew in a simpler form, as text for instance.",
    Refusal.NO_TEXT: "It holds no text that can be seen: it may be a scan. Run text recognition on it first.",
    Refusal.NOT_WORD: "The file is an Office file, but no Word document. Save it as .docx and upload it again.",
    Refusal.NOT_TEXT: "The file is not text in any encoding that is known here. Save it as UTF-8 and upload it again.",
    Refusal.PAGES: "It has too many pages: 500 are read at most. Split it into several documents.",
    Refusal.TOO_LONG: "It is too long: split it into several documents.",
    Refusal.TOO_COSTLY: "Reading it took too long or too much memory. Split it, or save it in a simpler form.",
    Refusal.UNCONFINED: "This server cannot read such files safely. Upload it as text, and tell the administrator.",
}


class Refused(Exception):
    """Raised where a document is found unfit."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.value)
        self.reason = reason
