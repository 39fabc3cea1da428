"""Which processes this installation started: so that the next start can end what a killed one left behind."""

import json
import signal
import subprocess
from pathlib import Path

import psutil

from development.secret_store import write_private

_PATIENCE_SECONDS = 15


class ProcessRecord:
    """A file of process ids with their start times; a number that now belongs to another program is left alone."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def note(self, processes: dict[str, "subprocess.Popen[bytes]"]) -> None:
        """Remember the processes that run now."""
        entries = []
        for name, process in processes.items():
            try:
                entries.append({"name": name, "pid": process.pid, "since": psutil.Process(process.pid).create_time()})
            except psutil.NoSuchProcess:
                continue
        write_private(self._path, json.dumps(entries))

    def end_leftovers(self) -> list[str]:
        """End what an earlier run left behind and return the parts' names."""
        if not self._path.exists():
            return []
        ended = []
        for entry in json.loads(self._path.read_text()):
            try:
                process = psutil.Process(entry["pid"])
                if abs(process.create_time() - entry["since"]) > 1:
                    continue
                family = [process, *process.children(recursive=True)]
                end_process(process, signal.SIGINT if entry["name"] == "database" else signal.SIGTERM)
                for member in family:
                    if member.is_running() and entry["name"] != "database":
                        member.kill()
            except psutil.NoSuchProcess:
                continue
            ended.append(entry["name"])
        self._path.unlink()
        return ended


def end_process(process: psutil.Process, how: signal.Signals) -> None:
    """Ask a process to end, wait, and kill it if it does not."""
    try:
        process.send_signal(how)
        process.wait(_PATIENCE_SECONDS)
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(_PATIENCE_SECONDS)
    except psutil.NoSuchProcess:
        return


def end_child(process: "subprocess.Popen[bytes]", how: signal.Signals) -> None:
    """Ask a child to end, wait, and kill it with its own children if it does not."""
    if process.poll() is not None:
        return
    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    process.send_signal(how)
    try:
        process.wait(_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for member in family:
        if member.is_running():
            member.kill()
