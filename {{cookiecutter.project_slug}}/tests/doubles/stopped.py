"""The worker, stopped for a while: what comes meanwhile waits."""

from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from development.stack import Stack


@contextmanager
def stopped(stack: Stack) -> Iterator[None]:
    """Stop the worker with all its processes."""
    worker = psutil.Process(stack.processes["worker"].pid)
    family = [worker, *worker.children(recursive=True)]
    for process in family:
        process.suspend()
    try:
        yield
    finally:
        for process in family:
            process.resume()
