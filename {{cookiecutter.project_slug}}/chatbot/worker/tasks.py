"""What the worker does when a signed job arrives: one function per task."""

import logging
from typing import Any
from uuid import UUID

from celery import Celery
from celery.exceptions import Reject

from chatbot.database.engines import ConnectionLost
from chatbot.jobs.queue import INGEST, IngestJob
from chatbot.retrieval.ingestion import Ingestion, NotYet

_log = logging.getLogger("chatbot.worker")


class JobFailed(Exception):
    """A job failed; why is in the log."""


def register_tasks(app: Celery, ingestion: Ingestion) -> None:
    """Add every task to `app`."""

    @app.task(name=INGEST, ignore_result=True, max_retries=0)  # type: ignore[untyped-decorator]  # Celery has no types
    def ingest(**arguments: Any) -> None:
        job = IngestJob(**arguments)
        try:
            outcome = ingestion.run(job.principal, UUID(job.document), UUID(job.job))
        except (NotYet, ConnectionLost):
            raise Reject(requeue=True) from None
        except Exception:
            _log.exception("job failed", extra={"task": INGEST, "job": job.job, "document": job.document})
            # Celery would write the arguments and the cause's text once more
            raise JobFailed from None
        _log.info("job done", extra={"document": job.document, "outcome": outcome})
