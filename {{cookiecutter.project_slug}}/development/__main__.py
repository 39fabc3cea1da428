"""`python -m development`: runs the whole stack until Ctrl-C."""

import argparse
import os
import signal
import sys
from pathlib import Path

from development.accounts import ACCOUNTS
from development.places import CannotStart
from development.stack import PROJECT, Stack


def main() -> int:
    """Start, say where and as whom to sign in, watch, stop."""
    parser = argparse.ArgumentParser(prog="python -m development", description="Runs the project for development.")
    parser.add_argument("--port", type=int, help="the application's port; 8000, or the next free one, by default")
    parser.add_argument("--state", type=Path, default=Path(os.environ.get("CHATBOT_STATE") or PROJECT / ".run"))
    parser.add_argument("--small-model", action="store_true", help="run a small language model beside it")
    chosen = parser.parse_args()
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)
    stack = None
    try:
        stack = Stack(chosen.state, port=chosen.port or _port_setting(), say=_say, small_model=chosen.small_model)
        stack.start()
        _say(_welcome(stack))
        stack.watch()
    except KeyboardInterrupt:
        _say("\nStopping.")
    except CannotStart as error:
        _say(f"\n{error}")
        return 1
    finally:
        if stack is not None:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # one Ctrl-C is enough; the servers need a moment
            stack.stop()
    return 0


def _port_setting() -> int | None:
    value = os.environ.get("CHATBOT_GATEWAY__PORT", "")
    if value and not (value.isdecimal() and 0 < int(value) < 65536):
        raise CannotStart("CHATBOT_GATEWAY__PORT must be a number from 1 to 65535.")
    return int(value) if value else None


def _welcome(stack: Stack) -> str:
    if stack.other_issuer:
        return f"\n  Open {stack.url} and sign in at {stack.issuer}\n\n  Logs: {stack.places.logs}    Stop: Ctrl-C\n"
    lines = ["", f"  Open {stack.url} and sign in with one of these:", ""]
    for account in ACCOUNTS:
        password = stack.secrets.password(account.name)
        lines.append(f"    {account.name:<8}{password:<16}{account.role} of {account.tenant}")
    lines += ["", f"  Logs: {stack.places.logs}    Stop: Ctrl-C", ""]
    return "\n".join(lines)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
