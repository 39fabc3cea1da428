"""What controls refused while a test ran: from the stack's logs, and what a test measured itself."""

import json
import os
import re
from collections import Counter
from pathlib import Path

from development.stack import Stack

LOGS = ("gateway", "worker")
# the whole line, from its beginning: what somebody else put into a field of another line is no refusal
_LINE = re.compile(
    r"^[\d:]{8} warning +refused part=chatbot\.refusals control=([a-z-]+) why=.* count=(\d+)$", re.MULTILINE
)
RECORD = "CHATBOT_REFUSALS"  # a file that gets one line per test; set by the ablation runner


class Refusals:
    """Counts refusals by control, from now on."""

    def __init__(self, *stacks: Stack) -> None:
        self._noted: Counter[str] = Counter()
        logs = [stack.places.logs / f"{part}.log" for stack in stacks for part in LOGS]
        self._from = {log: log.stat().st_size if log.exists() else 0 for log in logs}

    def note(self, control: str, count: int) -> None:
        """Add what leaves no line in a log: rows that exist and were not shown, for instance."""
        self._noted[control] += count

    def count(self) -> Counter[str]:
        """Return how often each control refused something."""
        found = Counter(self._noted)
        for log, start in self._from.items():
            if log.exists():
                with log.open("rb") as stream:
                    stream.seek(start)
                    text = stream.read().decode(errors="replace")
                for control, count in _LINE.findall(text):
                    found[control] += int(count)
        return found

    def record(self, test: str) -> None:
        """Write the counts for the ablation runner, if it asks."""
        if path := os.environ.get(RECORD):
            with Path(path).open("a") as stream:
                stream.write(json.dumps({"test": test, "refusals": self.count()}) + "\n")
