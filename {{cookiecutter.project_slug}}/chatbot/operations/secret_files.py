"""`chatbot secrets`: makes the secret files of a deployment, one folder per part, each file readable by its owner only.

Nothing is overwritten: what is there stays, and what several parts share is taken from the one that has it. No secret
is printed. Fails closed: a folder that is open to others, or two parts that hold different values, ends it.
"""

import os
import secrets
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from chatbot.config.judging import REQUIRED
from chatbot.jobs.envelope import public_key


class CannotMake(Exception):
    """The files cannot be made. The text says why and what to do."""


def _key() -> str:
    return secrets.token_hex(32)


def _password() -> str:
    return secrets.token_urlsafe(32)


# every secret that this program can choose by itself
MAKERS: Mapping[str, Callable[[], str]] = {
    "database_api_password": _password,
    "database_context_key": _key,
    "database_migrator_password": _password,
    "database_worker_context_key": _key,
    "database_worker_password": _password,
    "gateway_session_key": _key,
    "identity_client_secret": _password,
    "jobs_gateway_password": _password,
    "jobs_gateway_signing_key": _key,
    "jobs_worker_password": _password,
    "valkey_gateway_password": _password,
}
# what others choose; a name that ends in an underscore stands for one file each
GIVEN: Mapping[str, str] = {
    "model_key": "the key of the language model's provider, if it wants one",
    "tools_credential_": "followed by a tool server's name in CHATBOT_TOOLS__SERVERS: its credential, if it wants one",
}


def make_secrets(folder: Path) -> int:
    """Make what is missing in `folder`, say what was done and what is left to do, return the exit status."""
    try:
        made = {part: _make_part(folder, part) for part in REQUIRED}
        key = _public_key(_read(folder / "gateway" / "jobs_gateway_signing_key"))
    except (OSError, CannotMake) as error:
        print(f"The secrets were not all made: {error}", file=sys.stderr)
        return 2
    for part, names in made.items():
        kept = len(REQUIRED[part]) - len(names)
        print(f"{folder / part}: {len(names)} made, {kept} were there already")
    print(f'\nWhat the worker is to know, and no secret:\n  CHATBOT_JOBS__PRODUCERS={{"gateway": "{key}"}}')
    print("\nGive the passwords to PostgreSQL and Valkey, as docs/production.md says.")
    print("identity_client_secret: register it at the identity provider, or put the provider's own in its place.")
    for name, what in GIVEN.items():
        print(f"{folder / 'gateway' / name}: {what}")
    return 0


def _public_key(seed: str) -> str:
    try:
        return public_key(bytes.fromhex(seed))
    except ValueError:
        raise CannotMake("jobs_gateway_signing_key must hold 64 hexadecimal digits: remove the file") from None


def _make_part(folder: Path, part: str) -> list[str]:
    _make_private(folder)
    _make_private(folder / part)
    made = []
    for name in REQUIRED[part]:
        known = _shared(folder, name)
        if not (folder / part / name).exists():
            _write(folder / part / name, known or MAKERS[name]())
            made.append(name)
    return made


def _shared(folder: Path, name: str) -> str:
    """Return what the parts that have a secret already hold, or nothing."""
    paths = [folder / part / name for part, names in REQUIRED.items() if name in names]
    found = {_read(path) for path in paths if path.exists()}
    if len(found) > 1:
        raise CannotMake(f"{name} differs from part to part: copy the one that is in use over the others")
    return found.pop() if found else ""


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_mode & 0o077:
        raise CannotMake(f"{folder} is open to others: chmod 700, or name another folder")


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace").strip()


def _write(path: Path, text: str) -> None:
    # O_EXCL: neither a file nor a link that somebody put there meanwhile is written through
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")
