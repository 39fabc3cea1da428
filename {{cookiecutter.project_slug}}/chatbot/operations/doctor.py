"""`chatbot doctor --config`: the judgement of the start, without starting anything."""

import os
from collections.abc import Mapping
from pathlib import Path

from chatbot.config.judging import as_json
from chatbot.config.loading import FOLDER, BadSettings, load_settings


class BadEnvironmentFile(Exception):
    """A file of settings that cannot be read. The text says which line."""


def check_config(environment: Mapping[str, str], part: str, *, json: bool) -> int:
    """Print every finding for one part; exit status 0 for none, else 1."""
    try:
        load_settings(environment, part=part)
        findings = []
    except BadSettings as error:
        findings = error.findings
    if json:
        print(as_json(findings))
    elif findings:
        print(f"{len(findings)} findings for the {part}:\n" + "\n".join(f"  - {finding}" for finding in findings))
    else:
        print(f"The settings of the {part} are usable.")
    return 1 if findings else 0


def read_environment(file: Path | None, secrets: Path | None, environment: str | None) -> dict[str, str]:
    """Return the settings to judge: a file's NAME=value lines, or else the process's own, with what was said beside.

    Raises `BadEnvironmentFile`.
    """
    values = _read_file(file) if file else {key: os.environ[key] for key in os.environ if key.startswith("CHATBOT_")}
    if secrets:
        values[FOLDER] = str(secrets)
    if environment:
        values["CHATBOT_ENVIRONMENT"] = environment
    return values


def _read_file(file: Path) -> dict[str, str]:
    values: dict[str, str] = {}
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadEnvironmentFile(f"{file} cannot be read: {type(error).__name__}") from None
    for number, line in enumerate(lines, start=1):
        name, equals, value = line.strip().partition("=")
        if not name or name.startswith("#"):
            continue
        if not equals:
            raise BadEnvironmentFile(f"{file}, line {number}: write NAME=value")
        values[name.strip()] = value.strip().strip("'\"") if value.strip()[:1] not in "{[" else value.strip()
    return values
