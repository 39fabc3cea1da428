"""The command line `chatbot` (also `python -m chatbot`). Exit status 0, 1 for a finding, 2 for wrong usage."""

import argparse
import os
import sys
from pathlib import Path

from chatbot.config.loading import BadSettings, load_settings
from chatbot.config.settings import Settings
from chatbot.monitoring.logs import configure_logs


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    chosen = _parser().parse_args(arguments)
    if chosen.command == "attack":  # needs no settings: the target may be any chatbot
        from chatbot.operations.attack.run import attack

        return attack(
            chosen.url, chosen.i_own, chosen.key_file, sure=chosen.yes, as_json=chosen.json, model=chosen.model
        )
    try:
        settings = load_settings(os.environ)
        configure_logs(settings.monitoring.format)
        _run(chosen, settings)
    except BadSettings as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="chatbot", description="A secure AI chatbot.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run one part of the program until it is stopped")
    run.add_argument("part", choices=["gateway", "worker"], nargs="?", default="gateway")
    commands.add_parser("migrate", help="bring the database's schema up to date")
    attack = commands.add_parser("attack", help="attack a chatbot that you own, and print which controls hold")
    attack.add_argument("url", metavar="URL", help="its address, with or without /v1")
    attack.add_argument("--model", default="any", metavar="NAME", help="a model that the target knows")
    attack.add_argument("--key-file", type=Path, metavar="FILE", help="a file with an API key of the target's")
    attack.add_argument(
        "--i-own", action="append", default=[], metavar="HOST", help="needed for any host but this machine"
    )
    attack.add_argument("--yes", action="store_true", help="do not ask before attacking a named host")
    attack.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


def _run(chosen: argparse.Namespace, settings: Settings) -> None:
    # imported late: each part loads only what it needs
    if chosen.command == "migrate":
        from chatbot.database.migrating import migrate

        migrate(settings.database)
    elif chosen.part == "worker":
        from chatbot.worker.program import run_worker

        run_worker(settings)
    else:
        from chatbot.gateway.server import run_gateway

        run_gateway(settings)
