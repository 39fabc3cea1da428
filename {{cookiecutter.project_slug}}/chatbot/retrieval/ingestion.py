"""Makes queued documents searchable, each in its turn and in the name of the person who uploaded it."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from chatbot.core.errors import Unprocessable
from chatbot.core.principal import Principal
from chatbot.database import ingestion as table
from chatbot.database.engines import ConnectionLost, WorkerDatabase
from chatbot.database.ingestion import Claim, Passage, PassagesRead, Queued
from chatbot.model.embedding import Embedder, vector_text
from chatbot.retrieval.chunking import cut_document
from chatbot.retrieval.extraction import extract_text
from chatbot.retrieval.refusal import DETAILS, Refusal

_MAX_PASSAGES = 5000
_MAX_ATTEMPTS = 3
# less than a job may take, together with the longest reading
_WAIT_SECONDS, _POLL_SECONDS = 10.0, 0.1
_DATABASE_SECONDS = 20.0
_FAILED = "It could not be processed. Delete it and upload it again."
_log = logging.getLogger("chatbot.retrieval")
Found = TypeVar("Found")


class NotYet(Exception):
    """The job is not done: its document's turn has not come. Deliver the job again, behind those that wait."""


@dataclass(frozen=True, slots=True)
class Ingestion:
    """Reads documents for one worker program, `lanes` at once.

    `patience` is how long a document may have waited, `wait` for how many seconds a job waits for its turn.
    """

    database: WorkerDatabase
    embedder: Embedder
    reader: str
    lanes: int
    patience: timedelta
    wait: float = _WAIT_SECONDS

    def run(self, who: Principal, document: UUID, job: UUID) -> str:
        """Read the document whose turn it is. Returns what became of the job, for the log.

        The job's receipt comes first: a job that has one does nothing, however often it is delivered. One without keeps
        a reader awake until its own document is read, whosever the documents are that come before. Raises `NotYet`.

        What takes effect outside of the transaction that writes the receipt: a claim, which must outlive a killed
        process (the attempt that it counts, the lease, the seconds charged in advance), and what is read of other
        documents meanwhile, each in a transaction of its own that takes effect only while its lease holds. None of
        them happens for a job that has a receipt, or whose document does not wait.
        """
        end = time.monotonic() + self.wait
        while self._is_open(who, document, job):
            claim = self._claim()
            if claim is not None:
                outcome = self._read(claim, job if claim.document == document else None)
                if claim.document == document:
                    return outcome
                raise NotYet
            if time.monotonic() > end:
                raise NotYet
            time.sleep(_POLL_SECONDS)
        return "nothing left to do"

    def _is_open(self, who: Principal, document: UUID, job: UUID) -> bool:
        with self.database.acting_for(who) as connection:
            if table.has_receipt(connection, who, job):
                return False
            if table.is_waiting(connection, who, document):
                return True
            table.note_receipt(connection, who, job)  # so that it does nothing when the document waits again
            return False

    def _claim(self) -> Claim | None:
        with self.database.acting_for_nobody() as connection:
            return table.claim_document(connection, self.reader, self.lanes, self.patience)

    def _read(self, claim: Claim, job: UUID | None) -> str:
        """Read a claimed document and store what was found: passages, or why there are none."""
        began = time.monotonic()
        found = self._twice(lambda: self._find(claim))
        used = time.monotonic() - began
        try:
            return self._twice(lambda: self._store(claim, job, found, used))
        except ConnectionLost:
            raise
        except Exception:
            _log.exception("job failed", extra={"document": claim.document})
            return self._store(claim, job, _FAILED, used)

    def _twice(self, action: Callable[[], Found]) -> Found:
        """Do what a restart or a failover of the database may interrupt; once more when it is back."""
        try:
            return action()
        except ConnectionLost:
            _log.warning("the database's connection was lost: trying once more")
            self.database.wait_until_up(_DATABASE_SECONDS)
            return action()

    def _find(self, claim: Claim) -> PassagesRead | str:
        """Return what is in a document, or the text for its owner why it cannot be read."""
        if claim.attempt > _MAX_ATTEMPTS:
            return "Reading it failed several times. Split it, or save it anew."
        try:
            with self.database.acting_for(claim.owner) as connection:
                queued = table.read_queued(connection, claim.owner, claim.document)
            return make_passages(queued, self.embedder, claim.seconds) if queued else "It is gone."
        except Unprocessable as refusal:
            return refusal.detail
        except ConnectionLost:
            raise
        except Exception:
            _log.exception("job failed", extra={"document": claim.document})
            return _FAILED  # nobody would look at it again: say so where its owner looks

    def _store(self, claim: Claim, job: UUID | None, found: PassagesRead | str, used: float) -> str:
        """Store in one transaction with the job's receipt; in none when the document is gone, or its lease is."""
        try:
            with self.database.acting_for(claim.owner) as connection:
                if isinstance(found, str):
                    is_there = table.mark_failed(connection, claim.document, found)
                else:
                    is_there = table.replace_passages(connection, claim.owner, claim.document, found)
                if job is not None:
                    table.note_receipt(connection, claim.owner, job)
                if not table.end_reading(connection, claim.lease, used):
                    raise _LeaseEnded
        except _LeaseEnded:
            return "its lease ended: nothing was stored"
        if not is_there:
            return "no such document"
        return f"{len(found.passages)} passages" if isinstance(found, PassagesRead) else "refused"


class _LeaseEnded(Exception):
    """Another reader may have the document: what this one did is taken back."""


def make_passages(queued: Queued, embedder: Embedder, seconds: float) -> PassagesRead:
    """Return the passages of a document with their vectors, in the order of the text.

    Raises `Unprocessable`, also when reading, or what follows it, takes more than so many seconds of processor time.
    """
    reading = extract_text(queued.media_type, queued.body, seconds)
    end = time.process_time() + seconds
    pieces = cut_document(reading.sections)
    if not pieces:
        raise Unprocessable("It holds no text below its headings. Add some and upload it again.")
    if len(pieces) > _MAX_PASSAGES:  # before the costly part
        raise Unprocessable(DETAILS[Refusal.TOO_LONG])
    passages = []
    for piece in pieces:
        if time.process_time() > end:
            raise Unprocessable(DETAILS[Refusal.TOO_COSTLY])
        vector = vector_text(embedder.embed(f"{piece.section} {piece.content}"))
        passages.append(Passage(piece.section, piece.content, vector))
    return PassagesRead(passages, reading.hidden, reading.notes)
