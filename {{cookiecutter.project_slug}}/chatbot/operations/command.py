"""The command line `chatbot` (also `python -m chatbot`). Exit status 0, 1 for a finding, 2 for wrong usage."""

import argparse
import logging
import os
import sys
from pathlib import Path

from chatbot.config.loading import BadSettings, load_settings, own_secrets
from chatbot.config.settings import Settings
from chatbot.monitoring.logs import configure_logs
from chatbot.monitoring.redaction import know_secrets
from chatbot.monitoring.startup import CannotStart

_log = logging.getLogger("chatbot.operations")
_DEMO = "http://127.0.0.1:8000"


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    chosen = _parser().parse_args(arguments)
    if chosen.command == "attack":  # needs no settings: the target may be any chatbot
        from chatbot.operations.attack.run import attack

        return attack(
            chosen.url, chosen.i_own, chosen.key_file, sure=chosen.yes, as_json=chosen.json, model=chosen.model
        )
    if chosen.command in ("ask", "ingest"):  # a client of a chatbot anywhere: no settings of ours
        return _as_client(chosen)
    if chosen.command == "doctor":  # starts nothing
        return _as_doctor(chosen)
    if chosen.command == "secrets":
        from chatbot.operations.secret_files import make_secrets

        return make_secrets(chosen.folder)
    return _start(chosen)


def _start(chosen: argparse.Namespace) -> int:
    try:
        settings = load_settings(os.environ, part="migrate" if chosen.command == "migrate" else chosen.part)
        know_secrets(own_secrets(settings))
        configure_logs(settings.monitoring.format)
        _run(chosen, settings)
    except BadSettings as error:
        print(error, file=sys.stderr)
        return 2
    except CannotStart as error:
        _log.critical("this part cannot start", extra={"why": str(error)})
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="chatbot", description="A secure AI chatbot.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run one part of the program until it is stopped")
    run.add_argument("part", choices=["gateway", "worker"], nargs="?", default="gateway")
    commands.add_parser("migrate", help="bring the database's schema up to date")
    made = commands.add_parser("secrets", help="make the secret files of a deployment, one folder per part")
    made.add_argument("folder", metavar="FOLDER", type=Path, help="where to; what is there already stays")
    _add_client_commands(commands)
    _add_doctor(commands)
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


def _add_client_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    ask = commands.add_parser("ask", help="ask a running chatbot a question")
    ask.add_argument("question", metavar="QUESTION")
    ask.add_argument("--without-documents", action="store_true", help="do not search the documents")
    ingest = commands.add_parser("ingest", help="add documents to a running chatbot, and wait until they are read")
    ingest.add_argument("files", metavar="FILE", nargs="+", type=Path)
    ingest.add_argument("--shared", action="store_true", help="share them with everyone in your organisation")
    for command in (ask, ingest):
        command.add_argument("--url", default=os.environ.get("CHATBOT_URL", _DEMO), help="the chatbot's address")
        command.add_argument(
            "--key-file",
            type=Path,
            default=os.environ.get("CHATBOT_KEY_FILE", Path.home() / ".config" / "chatbot" / "key"),
            metavar="FILE",
            help="a file with an API key, readable by you only (default: %(default)s)",
        )
        command.add_argument("--json", action="store_true", help="print one JSON document")


def _add_doctor(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    doctor = commands.add_parser("doctor", help="judge the settings, or ask the model's endpoint what it takes")
    what = doctor.add_mutually_exclusive_group(required=True)
    what.add_argument("--config", action="store_true", help="judge the settings and secret files, starting nothing")
    what.add_argument("--model", action="store_true", help="send tiny requests to the model's endpoint")
    doctor.add_argument("--part", choices=["gateway", "worker", "migrate"], default="gateway")
    doctor.add_argument("--environment", choices=["development", "production"], help="judge as if it ran there")
    doctor.add_argument(
        "--env-file", type=Path, metavar="FILE", help="read NAME=value lines instead of the environment"
    )
    doctor.add_argument("--secrets", type=Path, metavar="FOLDER", help="the secrets folder")
    doctor.add_argument("--json", action="store_true", help="print one JSON document")


def _as_doctor(chosen: argparse.Namespace) -> int:
    from chatbot.operations.doctor import BadEnvironmentFile, check_config, check_model, read_environment

    try:
        environment = read_environment(chosen.env_file, chosen.secrets, chosen.environment)
    except BadEnvironmentFile as error:
        print(error, file=sys.stderr)
        return 2
    if chosen.model:
        return check_model(environment, json=chosen.json)
    return check_config(environment, chosen.part, json=chosen.json)


def _as_client(chosen: argparse.Namespace) -> int:
    from chatbot.operations.asking import ask, ingest, printable
    from chatbot.operations.client import Client, ClientFailed

    try:
        with Client(chosen.url, chosen.key_file) as client:
            if chosen.command == "ask":
                return ask(client, chosen.question, search=not chosen.without_documents, as_json=chosen.json)
            return ingest(client, chosen.files, shared=chosen.shared, as_json=chosen.json)
    except ClientFailed as failure:
        print(printable(str(failure)), file=sys.stderr)
        return 2


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
