"""Makes a queued document searchable, as the person who uploaded it."""

from uuid import UUID

from chatbot.core.errors import Unprocessable
from chatbot.core.principal import Principal
from chatbot.database.engines import ConnectionLost, WorkerDatabase
from chatbot.database.ingestion import (
    Passage,
    PassagesRead,
    Queued,
    begin_attempt,
    claim_job,
    mark_failed,
    read_queued,
    replace_passages,
)
from chatbot.model.embedding import Embedder, vector_text
from chatbot.retrieval.chunking import cut_document
from chatbot.retrieval.extraction import extract_text
from chatbot.retrieval.refusal import DETAILS, Refusal

_MOST_PASSAGES = 5000


_MOST_ATTEMPTS = 3


def ingest_document(database: WorkerDatabase, embedder: Embedder, who: Principal, document: UUID, job: UUID) -> str:
    """Cut, embed and store a document in one transaction. Returns what became of it, for the log.

    Running the same job again changes nothing. A document that is gone, or not the principal's own, is left alone.
    """
    try:
        # in a transaction of its own: it stays when the process is killed on the way
        with database.acting_for(who) as connection:
            if begin_attempt(connection, who, document) > _MOST_ATTEMPTS:
                mark_failed(connection, document, "Reading it failed several times. Split it, or save it anew.")
                return "given up"
        return _ingest(database, embedder, who, document, job)
    except ConnectionLost:
        raise  # nothing can be said to its owner, and it is tried once more
    except Exception:
        # nobody would look at it again: say so where its owner looks
        with database.acting_for(who) as connection:
            mark_failed(connection, document, "It could not be processed. Delete it and upload it again.")
        raise


def _ingest(database: WorkerDatabase, embedder: Embedder, who: Principal, document: UUID, job: UUID) -> str:
    with database.acting_for(who) as connection:
        if not claim_job(connection, who, job):
            return "already done"
        queued = read_queued(connection, who, document)
        if queued is None:
            return "no such document"
        try:
            read = make_passages(queued, embedder)
        except Unprocessable as refusal:
            mark_failed(connection, document, refusal.detail)
            return "refused"
        replace_passages(connection, who, document, queued.shared, read)
        return f"{len(read.passages)} passages"


def make_passages(queued: Queued, embedder: Embedder) -> PassagesRead:
    """Return the passages of a document with their vectors, in the order of the text. Raises `Unprocessable`."""
    reading = extract_text(queued.media_type, queued.body)
    pieces = cut_document(reading.sections)
    if not pieces:
        raise Unprocessable("It holds no text below its headings. Add some and upload it again.")
    if len(pieces) > _MOST_PASSAGES:  # before the costly part
        raise Unprocessable(DETAILS[Refusal.TOO_LONG])
    passages = [
        Passage(piece.section, piece.content, vector_text(embedder.embed(f"{piece.section} {piece.content}")))
        for piece in pieces
    ]
    return PassagesRead(passages, reading.hidden, reading.notes)
