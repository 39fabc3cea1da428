"""`chatbot doctor`: judges the settings without starting anything, or asks the model's endpoint what it takes."""

import asyncio
import json as json_text
import os
from collections.abc import Mapping
from pathlib import Path

from chatbot.config.judging import as_json
from chatbot.config.loading import FOLDER, BadSettings, load_model_settings, load_settings
from chatbot.config.settings import ModelSettings
from chatbot.model.probing import CannotProbe, Probe
from chatbot.monitoring.redaction import know_secrets, redact


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


def check_model(environment: Mapping[str, str], *, json: bool) -> int:
    """Print what the model's endpoint takes; exit status 0 when the settings work, 1 when others do, 2 when none."""
    try:
        settings = load_model_settings(environment)
    except BadSettings as error:
        print(as_json(error.findings) if json else error)
        return 2
    if settings.base_url is None:
        print(as_json([]) if json else "No endpoint is set (CHATBOT_MODEL__BASE_URL): the offline assistant answers.")
        return 0
    know_secrets([settings.key.get_secret_value()] if settings.key else [])
    probe, problem = Probe(settings), ""
    try:
        asyncio.run(probe.run())
    except CannotProbe as error:
        problem = str(error)
    print(redact(_report_json(probe, problem) if json else _report(settings, probe, problem)))
    return 2 if problem else 1 if probe.lines else 0


def _report(settings: ModelSettings, probe: Probe, problem: str) -> str:
    found = [f"  {finding.part:<22}{finding.found}" for finding in probe.findings]
    if problem:
        verdict = [problem]
    elif probe.lines:
        verdict = ["These settings are needed:", *(f"  {line}" for line in probe.lines)]
    else:
        verdict = ["The settings work as they are."]
    return "\n".join([f"The model {settings.name} at its endpoint:", *found, *verdict])


def _report_json(probe: Probe, problem: str) -> str:
    found = {finding.part: finding.found for finding in probe.findings}
    lines = [] if problem else probe.lines
    return json_text.dumps({"found": found, "needed": lines, "problem": problem or None}, indent=1)


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
