"""Reads the settings: plain values from the environment, secrets from files only.

A secret file is named after its setting, `<group>_<name>`, in the folder `CHATBOT_SECRETS_FOLDER`.
Fails closed: a missing, unknown or malformed setting, or a secret given as an environment variable,
ends the start with a list of all that is wrong.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import SecretBytes, SecretStr, ValidationError

from chatbot.config.group import Group
from chatbot.config.judging import judge_files, judge_part, judge_secrets, judge_settings
from chatbot.config.settings import Environment, ModelSettings, Settings

PREFIX = "CHATBOT_"
FOLDER = "CHATBOT_SECRETS_FOLDER"


class BadSettings(Exception):
    """The program cannot start with these settings. The message has one line per finding."""

    def __init__(self, findings: list[str]) -> None:
        super().__init__("The settings are not usable:\n" + "\n".join(f"  - {finding}" for finding in findings))
        self.findings = findings


def load_settings(environment: Mapping[str, str], *, part: str | None = None) -> Settings:
    """Return the settings held by `environment` and its secrets folder, or raise `BadSettings` with all that is wrong.

    With a `part` (gateway, worker or migrate) the secrets that it cannot work without must be there.
    """
    findings: list[str] = []
    values: dict[str, Any] = {"environment": environment.get("CHATBOT_ENVIRONMENT", "")}
    if values["environment"] not in list(Environment):
        findings.append("CHATBOT_ENVIRONMENT must be 'development' or 'production'")
    groups = _groups()
    for name, field in Settings.model_fields.items():
        if name in groups and _is_group(field.annotation):  # one that may be left away is there when it is named
            values[name] = {}
    _read_variables(environment, groups, values, findings)
    _read_secrets(environment.get(FOLDER), groups, values, findings)
    strict = values["environment"] == Environment.PRODUCTION
    findings += _judge_folder(environment.get(FOLDER), part, strict=strict)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        findings += [_sentence(item["loc"], item["msg"]) for item in error.errors() if item["loc"] != ("environment",)]
    else:
        findings += judge_settings(settings, strict=strict) + judge_part(settings, part, strict=strict)
    if findings:
        raise BadSettings(sorted(findings))
    return settings


def load_model_settings(environment: Mapping[str, str]) -> ModelSettings:
    """Return the settings of the language model alone, whatever the others are. Raises `BadSettings`."""
    findings: list[str] = []
    group: dict[str, type[Group]] = {"model": ModelSettings}
    values: dict[str, Any] = {"model": {}}
    of_model = {name: value for name, value in environment.items() if name.startswith(f"{PREFIX}MODEL__")}
    _read_variables(of_model, group, values, findings)
    _read_secrets(environment.get(FOLDER), group, values, findings)
    try:
        settings = ModelSettings.model_validate(values["model"])
    except ValidationError as error:
        findings += [_sentence(("model", *item["loc"]), item["msg"]) for item in error.errors()]
    if findings:
        raise BadSettings(sorted(findings))
    return settings


def own_secrets(settings: Settings) -> list[str]:
    """Return the text of every secret that the settings hold, keys in the form of their files."""
    found: list[str] = []
    for group in (getattr(settings, name) for name in Settings.model_fields):
        for value in vars(group).values() if isinstance(group, Group) else ():
            for secret in value.values() if isinstance(value, dict) else (value,):
                if isinstance(secret, SecretStr):
                    found.append(secret.get_secret_value())
                elif isinstance(secret, SecretBytes):
                    found.append(secret.get_secret_value().hex())
    return found


def declared_secrets() -> set[str]:
    """Return the secret files that the settings know; a name that ends in an underscore stands for one file each."""
    return {
        f"{group}_{name}" + ("_" if get_origin(field.annotation) is dict else "")
        for group, kind in _groups().items()
        for name, field in kind.model_fields.items()
        if _is_secret(field.annotation)
    }


def _judge_folder(folder: str | None, part: str | None, *, strict: bool) -> list[str]:
    """Judge the secret files by what is in them, whatever else is wrong with the settings."""
    paths = (
        {path.name: path for path in Path(folder).iterdir() if path.is_file()}
        if folder and Path(folder).is_dir()
        else {}
    )
    texts = {name: text for name, path in paths.items() if (text := _secret_text(path)) is not None}
    # a provider's key is as strong as its maker made it
    own = {name: text for name, text in texts.items() if name != "model_key"}
    return judge_secrets(own, part, strict=strict, folder=folder or "") + (judge_files(paths) if strict else [])


def _read_variables(
    environment: Mapping[str, str], groups: dict[str, type[Group]], values: dict[str, Any], findings: list[str]
) -> None:
    for variable in sorted(environment):
        if not variable.startswith(PREFIX) or variable in (FOLDER, "CHATBOT_ENVIRONMENT"):
            continue
        group, _, name = variable.removeprefix(PREFIX).lower().partition("__")
        field = groups[group].model_fields.get(name) if group in groups else None
        if field is None:
            findings.append(f"{variable} is not a setting: check its spelling")
        elif _is_secret(field.annotation):
            file = f"{group}_{name}" + ("_<name>" if get_origin(field.annotation) is dict else "")
            findings.append(f"{variable} is a secret: put it into the file {file} of the secrets folder")
        else:
            values.setdefault(group, {})[name] = _parse(environment[variable], field.annotation, variable, findings)


def _read_secrets(
    folder: str | None, groups: dict[str, type[Group]], values: dict[str, Any], findings: list[str]
) -> None:
    if folder is None:
        return
    if not Path(folder).is_dir():
        findings.append(f"{FOLDER} must name a folder that exists")
        return
    for group, kind in groups.items():
        for name, field in kind.model_fields.items():
            if not _is_secret(field.annotation):
                continue
            if get_origin(field.annotation) is dict:  # one secret each for several, named at the file name's end
                prefix = f"{group}_{name}_"
                found = {path.name.removeprefix(prefix): _secret_text(path) for path in Path(folder).glob(f"{prefix}*")}
                values[group][name] = {key: text for key, text in found.items() if text is not None}
            elif (text := _secret_text(path := Path(folder) / f"{group}_{name}")) is not None:
                # keys are stored as hexadecimal text, so that no editor's newline changes them
                values[group][name] = _from_hex(text, path.name, findings) if _is_bytes(field.annotation) else text


def _secret_text(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8", "replace").strip() if path.is_file() else None
    except PermissionError:
        return None  # another part's secret: this process is not meant to have it


def _from_hex(text: str, name: str, findings: list[str]) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        findings.append(f"the secret file {name} must hold hexadecimal digits, as `openssl rand -hex 32` prints them")
        return b""


def _parse(text: str, annotation: Any, variable: str, findings: list[str]) -> Any:
    kind = get_origin(annotation)
    if kind not in (dict, tuple):
        return text
    try:
        return json.loads(text)
    except ValueError:
        findings.append(f"{variable} must be a JSON {'object' if kind is dict else 'list'}")
        return kind()


def _groups() -> dict[str, type[Group]]:
    hints = get_type_hints(Settings).items()
    return {name: member for name, hint in hints for member in _members(hint) if _is_group(member)}


def _is_group(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Group)


def _members(annotation: Any) -> tuple[Any, ...]:
    several = isinstance(annotation, UnionType) or get_origin(annotation) is dict
    return get_args(annotation) if several else (annotation,)


def _is_secret(annotation: Any) -> bool:
    return bool({SecretStr, SecretBytes} & set(_members(annotation)))


def _is_bytes(annotation: Any) -> bool:
    return SecretBytes in _members(annotation)


def _sentence(location: tuple[int | str, ...], message: str) -> str:
    group, *rest = (str(part) for part in location)
    name = rest[0] if rest else ""
    field = _groups()[group].model_fields.get(name) if name else None
    if field is not None and _is_secret(field.annotation):
        return f"the secret file {group}_{name}: {message.lower()}"
    variable = f"{PREFIX}{group.upper()}" + (f"__{name.upper()}" if name else "")
    within = f" ({'.'.join(rest[1:])})" if rest[1:] else ""
    return f"{variable}{within}: {message.lower()}"
