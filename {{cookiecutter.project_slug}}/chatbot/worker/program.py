"""The worker program: a Celery worker with no remote control, no gossip and no listening port."""

import os
import warnings
from datetime import timedelta

from celery.platforms import SecurityWarning

from chatbot.config.settings import Environment, Settings
from chatbot.monitoring.startup import DATABASE, JOBS, required
from chatbot.retrieval.ingestion import Ingestion
from chatbot.wiring import build_worker
from chatbot.worker.tasks import register_tasks

_YIELDING = 5  # of 19: where the gateway shares the machine, requests come before documents


def run_worker(settings: Settings) -> None:
    """Run until told to stop (SIGTERM finishes the current job first)."""
    if settings.environment is Environment.DEVELOPMENT:
        warnings.simplefilter("ignore", SecurityWarning)  # a developer in a container is often root
    os.nice(_YIELDING)
    parts = build_worker(settings)
    with required(DATABASE, "worker"):
        parts.database.check()
    with required(JOBS, "worker"), parts.app.connection_for_read() as connection:
        connection.ensure_connection(max_retries=1)
    lanes, patience = settings.jobs.concurrency, timedelta(seconds=settings.jobs.life_seconds)
    reader = f"{os.uname().nodename}:{os.getpid()}"
    register_tasks(parts.app, Ingestion(parts.database, parts.embedder, reader, lanes, patience))
    parts.app.worker_main(
        [
            "--quiet",
            "worker",
            "--loglevel=INFO",
            f"--concurrency={lanes}",
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
        ]
    )
