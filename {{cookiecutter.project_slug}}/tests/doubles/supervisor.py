"""`python -m development` as a person runs it: a process of its own, known by what it prints."""

import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil

from development.stack import PROJECT


class Supervisor:
    """A running supervisor, or one that ended with a message. Looks like a stack to `Person`."""

    def __init__(
        self, state: Path, *arguments: str, project: Path = PROJECT, python: str = sys.executable, **popen: Any
    ) -> None:
        command = [python, "-m", "development", "--state", str(state), *arguments]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CHATBOT_")}
        self.process = subprocess.Popen(
            command, cwd=project, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, **popen
        )  # fmt: skip
        self.output = ""
        self._read_until("Stop: Ctrl-C")
        self.url = self._found(r"Open (http://\S+)")
        self.issuer = self._found(r"(http://localhost:\d+)")
        passwords = dict(re.findall(r"^    (\w+) +(\S+) +\w+ of \w+$", self.output, re.MULTILINE))
        self.secrets = SimpleNamespace(password=passwords.get)

    @property
    def is_up(self) -> bool:
        return "Stop: Ctrl-C" in self.output

    def log_tail(self, name: str) -> str:
        return name

    def family(self) -> list[psutil.Process]:
        """Return the supervisor and everything it started."""
        me = psutil.Process(self.process.pid)
        return [me, *me.children(recursive=True)]

    def kill(self, *, everything: bool) -> list[psutil.Process]:
        """Kill with SIGKILL: the supervisor alone, or all; return what was left running."""
        family = self.family()
        for process in family if everything else family[:1]:
            process.kill()
        self.process.wait()
        self._close()
        _gone, left = psutil.wait_procs(family, timeout=10 if everything else 0)
        return left

    def interrupt(self, how: signal.Signals = signal.SIGINT) -> int:
        """End it the polite way and return its exit status."""
        self.process.send_signal(how)
        status = self.process.wait(60)
        self.output += self.process.stdout.read().decode()
        self._close()
        return status

    def _read_until(self, mark: str) -> None:
        stream = self.process.stdout
        assert stream is not None
        end = time.monotonic() + 90
        while mark not in self.output and time.monotonic() < end:
            if select.select([stream], [], [], 0.2)[0]:
                data = os.read(stream.fileno(), 65536)
                if not data:
                    self.process.wait()
                    self._close()
                    return
                self.output += data.decode()
        assert mark in self.output, self.output

    def _found(self, pattern: str) -> str:
        found = re.search(pattern, self.output)
        return found[1] if found else ""

    def _close(self) -> None:
        if self.process.stdout is not None:
            self.process.stdout.close()
