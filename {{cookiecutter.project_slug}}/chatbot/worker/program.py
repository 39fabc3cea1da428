"""The worker program: a Celery worker with no remote control, no gossip and no listening port."""

import warnings

from celery.platforms import SecurityWarning

from chatbot.config.settings import Environment, Settings
from chatbot.wiring import build_worker
from chatbot.worker.tasks import register_tasks


def run_worker(settings: Settings, concurrency: int = 1) -> None:
    """Run until told to stop (SIGTERM finishes the current job first)."""
    if settings.environment is Environment.DEVELOPMENT:
        warnings.simplefilter("ignore", SecurityWarning)  # a developer in a container is often root
    parts = build_worker(settings)
    register_tasks(parts.app, parts.database, parts.embedder)
    parts.app.worker_main(
        [
            "--quiet",
            "worker",
            "--loglevel=INFO",
            f"--concurrency={concurrency}",
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
        ]
    )
