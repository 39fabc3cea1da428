"""What the worker does: one function per task, each acting as the principal named in the signed message."""

import logging
from typing import Any
from uuid import UUID

from celery import Celery

from chatbot.database.engines import WorkerDatabase
from chatbot.jobs.queue import INGEST, IngestJob
from chatbot.model.embedding import Embedder
from chatbot.retrieval.ingestion import ingest_document

_log = logging.getLogger("chatbot.worker")


def register_tasks(app: Celery, database: WorkerDatabase, embedder: Embedder) -> None:
    """Add every task to `app`."""

    @app.task(name=INGEST, ignore_result=True, max_retries=0)  # type: ignore[untyped-decorator]  # Celery has no types
    def ingest(**arguments: Any) -> None:
        job = IngestJob(**arguments)
        outcome = ingest_document(database, embedder, job.principal, UUID(job.document), UUID(job.job))
        _log.info("document ingested", extra={"document": job.document, "outcome": outcome})
