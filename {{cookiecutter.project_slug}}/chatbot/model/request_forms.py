"""The forms that a request to a model's endpoint can have, as changes of its settings."""

import json
from collections.abc import Callable, Iterator
from typing import get_args

from chatbot.config.settings import ModelSettings

Change = Callable[[ModelSettings], ModelSettings]
Forms = list[tuple[str, Change]]


def list_forms(present: ModelSettings) -> Iterator[tuple[str, Forms]]:
    """Yield each part of a plain request with its forms: the present one first, the barest request's last."""
    omitted = present.omitted_fields
    if "stream" not in omitted:
        yield "stream", [("streamed", _keep("stream")), ("in one document", omit("stream"))]
    roles = dict.fromkeys(
        (present.instructions_role, *get_args(ModelSettings.model_fields["instructions_role"].annotation))
    )
    wanted = ["user"] if present.instructions_role == "user" else [*(role for role in roles if role != "user"), "user"]
    yield "instructions_role", [(role, _set("instructions_role", role)) for role in wanted]
    if (field_name := present.max_tokens_field) not in omitted:
        other = other_limit(present)
        forms: Forms = [(name, _limit_by(name)) for name in (field_name, other)]
        yield "max_tokens_field", [*forms, ("no limit", omit(field_name))]
    if present.sends_stream_options:
        yield (
            "sends_stream_options",
            [(told, _set("sends_stream_options", told == "true")) for told in ("true", "false")],
        )
    for name in sorted(set(present.extra_fields) - set(omitted)):
        yield name, [("sent", _keep(name)), ("left out", omit(name))]


def list_barest(present: ModelSettings, listed: list[str]) -> Iterator[ModelSettings]:
    """Yield requests of as little as there can be, the present address and model first."""
    given = present.base_url or ""
    root = given.removesuffix("/chat/completions")
    addresses = dict.fromkeys((given, root, root if root.endswith("/v1") else f"{root}/v1"))
    names = dict.fromkeys((present.name, *(listed if len(listed) == 1 else ())))
    bare = {*present.omitted_fields, present.max_tokens_field, *present.extra_fields}
    for address in addresses:
        for name in names:
            for omitted in (bare, bare | {"stream"}):
                changed = {"base_url": address, "name": name, "omitted_fields": tuple(sorted(omitted))}
                yield present.model_copy(update=changed | {"instructions_role": "user", "sends_stream_options": False})


def _set(name: str, value: object) -> Change:
    return lambda settings: settings.model_copy(update={name: value})


def omit(name: str) -> Change:
    """Return the change that leaves a field out of the request."""
    return lambda settings: settings.model_copy(
        update={"omitted_fields": tuple(sorted({*settings.omitted_fields, name}))}
    )


def _keep(*names: str) -> Change:
    return lambda settings: settings.model_copy(
        update={"omitted_fields": tuple(name for name in settings.omitted_fields if name not in names)}
    )


def _limit_by(name: str) -> Change:
    return lambda settings: _set("max_tokens_field", name)(_keep(settings.max_tokens_field)(settings))


def other_limit(settings: ModelSettings) -> str:
    """Return the other name that a request's limit can have."""
    names = get_args(ModelSettings.model_fields["max_tokens_field"].annotation)
    return str(next(name for name in names if name != settings.max_tokens_field))


def write_value(value: object) -> str:
    """Return a setting's value as it is written in a shell or a file of settings."""
    if isinstance(value, tuple):
        return f"'{json.dumps(value)}'"
    return json.dumps(value) if isinstance(value, bool) else str(value)
