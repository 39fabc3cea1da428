"""Development secrets: random per checkout, made at the first start, each part given only its own."""

import json
import os
import secrets
from pathlib import Path

from chatbot.config.judging import REQUIRED
from chatbot.jobs.envelope import public_key
from chatbot.operations.secret_files import MAKERS
from development.accounts import ACCOUNTS

# of the servers and doubles that production has elsewhere
_PASSWORDS = (
    "database_bootstrap_password",
    "valkey_admin_password",
    "jobs_admin_password",
    "identity_service_secret",
    "tools_credential_sample",
)
# part -> the secret files that it gets
PARTS = {
    **REQUIRED,
    "gateway": (*REQUIRED["gateway"], "tools_credential_sample"),
    "toolserver": ("tools_credential_sample",),
}


class SecretStore:
    """The secrets of one checkout."""

    def __init__(self, folder: Path, given: frozenset[str] = frozenset()) -> None:
        """Make what is missing. Files of the names in `given` that are there are left as they are."""
        self._folder = folder
        self._values = self._load_or_make()
        for part, names in PARTS.items():
            (folder / part).mkdir(mode=0o700, exist_ok=True)
            for name in names:
                if name not in given or not (folder / part / name).exists():
                    write_private(folder / part / name, self[name])

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def values(self) -> list[str]:
        """Return every secret, for a search that must not find one."""
        return list(self._values.values())

    def folder(self, part: str) -> Path:
        """Return the secrets folder of a part."""
        return self._folder / part

    def password(self, account: str) -> str:
        """Return a demo account's password."""
        return self._values[f"account_{account}"]

    def gateway_public_key(self) -> str:
        """Return the key by which the worker verifies the gateway's jobs, base64."""
        return public_key(bytes.fromhex(self["jobs_gateway_signing_key"]))

    def _load_or_make(self) -> dict[str, str]:
        path = self._folder / "development.json"
        values: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        wanted = {name: make() for name, make in MAKERS.items()}
        wanted |= {name: secrets.token_urlsafe(32) for name in _PASSWORDS}
        wanted |= {f"account_{account.name}": secrets.token_urlsafe(9) for account in ACCOUNTS}
        complete = wanted | values
        if complete != values:
            write_private(path, json.dumps(complete, indent=1))
        return complete


def write_private(path: Path, text: str) -> None:
    """Write `text` so that only the owner can read it, whole or not at all."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    unfinished.replace(path)
