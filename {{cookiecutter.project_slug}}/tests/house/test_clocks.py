"""No test takes the time when its module is imported: on a slow machine its tokens would have expired when it runs."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]


def test_a_module_that_takes_the_time_at_import_sets_the_clock_back() -> None:
    taken = re.compile(r"^[A-Za-z_]+\b.*time\.time\(\)", re.MULTILINE)
    assert taken.search("NOW = int(time.time())")
    for path in TESTS.rglob("*.py"):
        text = path.read_text("utf-8")
        if path != Path(__file__) and taken.search(text):
            assert 'usefixtures("as_at_import")' in text, path
