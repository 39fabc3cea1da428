"""Writes openapi.json, or with --check says whether it is current."""

import json
import sys
from pathlib import Path

from chatbot.gateway.application import bare_application
from chatbot.gateway.description import describe_interface

FILE = Path(__file__).parents[1] / "openapi.json"


def describe() -> str:
    """Return the document as it is kept."""
    return json.dumps(describe_interface(bare_application()), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def main() -> int:
    """Write or check, and return the exit status."""
    made = describe()
    if "--check" not in sys.argv:
        FILE.write_text(made, encoding="utf-8")
        print("wrote openapi.json")
        return 0
    if FILE.exists() and FILE.read_text(encoding="utf-8") == made:
        return 0
    print("openapi.json is out of date: run make docs")
    return 1


if __name__ == "__main__":
    sys.exit(main())
