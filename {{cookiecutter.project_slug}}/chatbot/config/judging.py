"""Whether settings are safe to start with (control app-config): a table of judgements, all of them told at once.

Stops: a production that starts with a weak, default, missing, borrowed or contradictory setting. Each finding says
which setting, what is wrong and what to do; a secret's text is in none. Fails closed: with one finding nothing starts.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

from chatbot.config.settings import Settings
from chatbot.core.principal import Role

# the secret files that a part cannot work without
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "gateway": (
        "database_api_password",
        "database_context_key",
        "gateway_session_key",
        "jobs_gateway_password",
        "jobs_gateway_signing_key",
        "valkey_gateway_password",
        "identity_client_secret",
    ),
    "worker": ("database_worker_password", "database_worker_context_key", "jobs_worker_password"),
    "migrate": ("database_migrator_password", "database_context_key", "database_worker_context_key"),
}
_TEMPLATES = ("changeme", "change-me", "change_me", "password", "secret", "example", "default", "admin", "test", "xxxx")
_SHORTEST, _FEWEST_CHARACTERS, _SURELY_RANDOM = 16, 8, 32
_LOCAL = (
    "localhost",
    ".localhost",
    ".local",
    ".internal",
    ".example",
    "example.com",
    "example.org",
    ".test",
    ".invalid",
)


def judge_secrets(secrets: Mapping[str, str], part: str | None, *, strict: bool, folder: str = "") -> list[str]:
    """Return what is wrong with the secret files' texts: those missing for `part` and, when `strict`, the weak ones."""
    where = f"looked for in {folder}" if folder else "CHATBOT_SECRETS_FOLDER names no folder"
    found = [f"the secret file {name} is missing ({where}): {part} needs it" for name in _missing(secrets, part)]
    if not strict:
        return found
    seen: dict[str, str] = {}
    for name, text in sorted(secrets.items()):
        if why := _weakness(text):
            found.append(f"the secret file {name} {why}: make one with `openssl rand -hex 32`")
        elif text in seen:
            found.append(f"the secret file {name} holds the same as {seen[text]}: each needs its own")
        seen.setdefault(text, name)
    return found


def judge_files(paths: Mapping[str, Path]) -> list[str]:
    """Return which secret files can be read by others than their owner's group."""
    return [
        f"the secret file {name} can be read by everybody: chmod 640 or stricter"
        for name, path in sorted(paths.items())
        if path.stat().st_mode & 0o007
    ]


def judge_settings(settings: Settings, *, strict: bool) -> list[str]:
    """Return what contradicts itself anywhere and, when `strict`, what production must not start with."""
    judgements = (*_ALWAYS, *_PRODUCTION) if strict else _ALWAYS
    return [f"CHATBOT_{name}: {why}" for judge in judgements for name, why in judge(settings)]


def judge_part(settings: Settings, part: str | None, *, strict: bool) -> list[str]:
    """Return what `part` cannot work without, and other parts can."""
    if part == "worker" and not settings.jobs.producers:
        return ["CHATBOT_JOBS__PRODUCERS names no gateway's public key, so every job would be refused: set it"]
    model = settings.model
    if strict and part in ("gateway", None) and model.base_url and model.key is None and not _is_local(model.base_url):
        return ["CHATBOT_MODEL__KEY: is missing: put the provider's key into the secret file model_key"]
    return []


def _missing(secrets: Mapping[str, str], part: str | None) -> list[str]:
    return [name for name in REQUIRED.get(part or "", ()) if not secrets.get(name)]


def _weakness(text: str) -> str:
    plain = text.lower()
    if len(text) < _SHORTEST:
        return f"has fewer than {_SHORTEST} characters"
    if len(set(text)) < _FEWEST_CHARACTERS or _repeats(text):
        return "repeats itself"
    # a word by chance inside of a long random text is none
    if any(plain.startswith(word) or (word in plain and len(text) < _SURELY_RANDOM) for word in _TEMPLATES):
        return "looks like a template's"
    return ""


def _repeats(text: str) -> bool:
    """Say whether the text is one piece again and again, or goes up or down in steps."""
    steps = {ord(later) - ord(earlier) for earlier, later in pairwise(text)}
    return text in (text + text)[1:-1] or len(steps) <= 2


def _is_local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return not ip_address(host).is_global
    except ValueError:
        return host.endswith(_LOCAL)


Judgement = Callable[[Settings], Iterator[tuple[str, str]]]


def _sessions_end(settings: Settings) -> Iterator[tuple[str, str]]:
    if settings.identity.idle_seconds > settings.identity.absolute_seconds:
        yield "IDENTITY__IDLE_SECONDS", "is longer than IDENTITY__ABSOLUTE_SECONDS, after which a session ends anyway"


def _prices_are_known(settings: Settings) -> Iterator[tuple[str, str]]:
    money = [budget.money for budget in settings.limits.budgets.values()]
    limited = any(value is not None for windows in money for value in (windows.minute, windows.day, windows.month))
    if limited and settings.model.name not in settings.limits.prices:
        yield "LIMITS__BUDGETS", f"limits money, and LIMITS__PRICES has no price for the model {settings.model.name}"


def _somebody_is_admitted(settings: Settings) -> Iterator[tuple[str, str]]:
    if not settings.identity.groups:
        yield "IDENTITY__GROUPS", "names no group, so nobody can sign in"


def _services_are_no_people(settings: Settings) -> Iterator[tuple[str, str]]:
    identity = settings.identity
    if identity.audience == identity.client_id:
        yield "IDENTITY__AUDIENCE", "is the client id, for which people's ID tokens are made: choose another name"
    if identity.client_id in identity.services:
        yield (
            "IDENTITY__SERVICES",
            "lists the application's own client id: register a client of its own for each service",
        )
    named = [service.certificate for service in identity.services.values() if service.certificate]
    for name in sorted({name for name in named if named.count(name) > 1}):
        yield "IDENTITY__SERVICES", f"gives the certificate {name} to several: each needs its own"


def _services_port_is_its_own(settings: Settings) -> Iterator[tuple[str, str]]:
    if settings.mtls is None:
        return
    if not settings.mtls.url.startswith("https:"):
        yield "MTLS__URL", "is a port of mutual TLS: write https"
    if settings.mtls.port == settings.gateway.port:
        yield "MTLS__PORT", "is GATEWAY__PORT: services need a port of their own"


def _private_keys_are_private(settings: Settings) -> Iterator[tuple[str, str]]:
    if settings.mtls and settings.mtls.key.is_file() and settings.mtls.key.stat().st_mode & 0o007:
        yield "MTLS__KEY", "names a file that everybody can read: chmod 640 or stricter"


def _addresses_are_public(settings: Settings) -> Iterator[tuple[str, str]]:
    for name, url in (
        ("GATEWAY__PUBLIC_URL", settings.gateway.public_url),
        ("IDENTITY__ISSUER", settings.identity.issuer),
    ):
        if not url.startswith("https:"):
            yield name, "production needs an https address"
        elif _is_local(url):
            yield name, "is a local or a template's address: set the one that browsers use"
    for server, tool in settings.tools.servers.items():
        if not tool.url.startswith("https:"):
            yield f"TOOLS__SERVERS, {server}", "production needs an https address"


def _stores_are_reached_safely(settings: Settings) -> Iterator[tuple[str, str]]:
    database, jobs = settings.database, settings.jobs
    if not database.host.startswith("/") and database.tls != "verify-full":
        yield "DATABASE__TLS", "must be verify-full for a server that is not a private unix socket"
    for name, store in (("VALKEY", settings.valkey), ("JOBS", jobs)):
        if store.host is not None and not store.tls:
            yield f"{name}__TLS", "must be true for a server that is not a private unix socket"
    if jobs.place in (None, settings.valkey.place):
        yield (
            "JOBS__HOST",
            "is missing or VALKEY's: jobs need an instance of their own, or whoever fills it keeps everybody from "
            "signing in",
        )


def _model_is_reached_safely(settings: Settings) -> Iterator[tuple[str, str]]:
    url = settings.model.base_url
    if url is None:
        return  # the offline assistant answers: it asks nobody
    if not url.startswith("https:") and not _is_local(url):
        yield "MODEL__BASE_URL", "production needs an https address for a model elsewhere"


def _roles_differ(settings: Settings) -> Iterator[tuple[str, str]]:
    roles = {role for _, role in settings.identity.groups.values()}
    if roles == {Role.ADMIN}:
        yield "IDENTITY__GROUPS", "makes everybody an administrator: map a group to the role member"


def _budgets_are_bounded(settings: Settings) -> Iterator[tuple[str, str]]:
    for scope in ("user", "tenant", "all"):
        budget = settings.limits.budgets[scope]
        if budget.tokens.month is None and budget.money.month is None:
            yield "LIMITS__BUDGETS", f"has no limit a month for {scope}: a stolen key could spend without end"


def _logs_are_for_machines(settings: Settings) -> Iterator[tuple[str, str]]:
    if settings.monitoring.format != "json":
        yield "MONITORING__FORMAT", "must be json, which no text in a field can forge"


def _key_is_the_providers(settings: Settings) -> Iterator[tuple[str, str]]:
    key = settings.model.key.get_secret_value() if settings.model.key else ""
    if key and any(word in key.lower() for word in ("changeme", "your-key", "your_key", "xxxx", "example")):
        yield "MODEL__KEY", "looks like a template's: put the provider's key into the secret file model_key"


_ALWAYS: tuple[Judgement, ...] = (
    _sessions_end,
    _prices_are_known,
    _somebody_is_admitted,
    _services_are_no_people,
    _services_port_is_its_own,
)
_PRODUCTION: tuple[Judgement, ...] = (
    _addresses_are_public,
    _private_keys_are_private,
    _stores_are_reached_safely,
    _model_is_reached_safely,
    _key_is_the_providers,
    _roles_differ,
    _budgets_are_bounded,
    _logs_are_for_machines,
)


def as_json(findings: list[str]) -> str:
    """Return findings as one JSON document."""
    return json.dumps({"findings": findings, "count": len(findings)}, indent=1, ensure_ascii=False)
