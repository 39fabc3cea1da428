"""`python -m development.load_accounts N FILE`: people with sessions and keys, for load from outside.

The running stack's own code makes them, so nothing about them is special but that nobody signed in. The file holds what
opens their accounts: it is readable by its owner only, and good until the sessions and keys end.
"""

import argparse
import asyncio
import json
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from chatbot.config.loading import load_settings
from chatbot.config.settings import Settings
from chatbot.core.principal import Principal, Role
from chatbot.database.administration import enrol
from chatbot.database.calls.keys import keep_key
from chatbot.gateway.cookies import CookieNames
from chatbot.identity.keys import KeyScope, new_key
from chatbot.identity.people import tenant_id, user_id
from chatbot.wiring import build_gateway
from development.accounts import GROUPS
from development.places import find_places
from development.postgres import DATABASE
from development.secret_store import write_private

_ISSUER = "urn:load"  # no provider: nobody signs in as one of them
_KEY_LIFE = timedelta(days=1)


async def make_accounts(
    settings: Settings, count: int, tenant: str = "load", role: Role = Role.MEMBER
) -> list[dict[str, Any]]:
    """Make people in a tenant of their own; return for each what a client needs: cookie, csrf, key, origin, ids."""
    parts = build_gateway(settings)
    await parts.open()
    try:
        made = []
        for number in range(count):
            subject = f"{os.urandom(6).hex()}-{number}"
            who = Principal(tenant_id(tenant), user_id(tenant, _ISSUER, subject), role, f"Load {number}")
            key = new_key()
            async with parts.database.acting_for(who) as connection:
                await enrol(connection, who, parts.database.vouch_for(who, _ISSUER, subject), tenant, _ISSUER, subject)
                await keep_key(connection, who, key, {"name": "load", "scopes": sorted(KeyScope)}, _KEY_LIFE)
            token = await parts.sessions.open(who)
            name = CookieNames.of(settings.gateway.instance).session
            made.append(
                {
                    "user": str(who.user_id),
                    "tenant": str(who.tenant_id),
                    "origin": settings.gateway.public_url,
                    "cookie": f"{name}={token}",
                    "csrf": parts.sessions.csrf_token(token),
                    "key": key,
                }
            )
        return made
    finally:
        await parts.close()


def settings_of(state: Path) -> Settings:
    """Return the settings of the stack that runs in the state folder `state`, as far as making people needs them."""
    places = find_places(state)
    ports = json.loads((places.state / "ports.json").read_text())
    return load_settings(
        {
            "CHATBOT_ENVIRONMENT": "development",
            "CHATBOT_SECRETS_FOLDER": str(places.secrets / "gateway"),
            "CHATBOT_GATEWAY__INSTANCE": places.instance,
            "CHATBOT_GATEWAY__PUBLIC_URL": f"http://127.0.0.1:{ports['gateway']}",
            "CHATBOT_IDENTITY__CLIENT_ID": "chatbot",
            "CHATBOT_IDENTITY__GROUPS": json.dumps(GROUPS),
            "CHATBOT_IDENTITY__ISSUER": f"http://localhost:{ports['identity']}",
            "CHATBOT_DATABASE__HOST": str(places.sockets),
            "CHATBOT_DATABASE__NAME": DATABASE,
            "CHATBOT_VALKEY__SOCKET": str(places.sockets / "state.sock"),
            "CHATBOT_JOBS__SOCKET": str(places.sockets / "jobs.sock"),
        }
    )


def main() -> int:
    """Make the accounts and write them to the file, one JSON list."""
    parser = argparse.ArgumentParser(prog="python -m development.load_accounts", description=main.__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--state", type=Path, default=Path(os.environ.get("CHATBOT_STATE") or ".run"))
    chosen = parser.parse_args()
    try:
        made = asyncio.run(make_accounts(settings_of(chosen.state), chosen.count))
    except (OSError, KeyError) as error:
        print(f"Is the stack running (make run)? {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    write_private(chosen.file, json.dumps(made, indent=1) + "\n")
    print(f"wrote {len(made)} accounts to {chosen.file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
