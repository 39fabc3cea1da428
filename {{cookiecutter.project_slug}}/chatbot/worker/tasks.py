"""What the worker does: one function per task, each acting as the principal named in the signed message."""

import logging
from typing import Any
from uuid import UUID

from celery import Celery

from chatbot.database.engines import ConnectionLost, WorkerDatabase
from chatbot.jobs.queue import INGEST, IngestJob
from chatbot.model.embedding import Embedder
from chatbot.retrieval.ingestion import ingest_document

_log = logging.getLogger("chatbot.worker")
_PATIENCE_SECONDS = 20.0


class JobFailed(Exception):
    """A job failed; why is in the log."""


def register_tasks(app: Celery, database: WorkerDatabase, embedder: Embedder) -> None:
    """Add every task to `app`."""

    @app.task(name=INGEST, ignore_result=True, max_retries=0)  # type: ignore[untyped-decorator]  # Celery has no types
    def ingest(**arguments: Any) -> None:
        job = IngestJob(**arguments)
        try:
            outcome = _ingest(database, embedder, job)
        except Exception:
            _log.exception("job failed", extra={"task": INGEST, "job": job.job, "document": job.document})
            # Celery would write the arguments and the cause's text once more
            raise JobFailed from None
        _log.info("document ingested", extra={"document": job.document, "outcome": outcome})


def _ingest(database: WorkerDatabase, embedder: Embedder, job: IngestJob) -> str:
    """Run the job; once more when the database's connection was lost meanwhile, as it is by a restart or a failover."""
    try:
        return ingest_document(database, embedder, job.principal, UUID(job.document), UUID(job.job))
    except ConnectionLost:
        _log.warning("the database's connection was lost: trying once more", extra={"job": job.job})
        database.wait_until_up(_PATIENCE_SECONDS)
        return ingest_document(database, embedder, job.principal, UUID(job.document), UUID(job.job))
