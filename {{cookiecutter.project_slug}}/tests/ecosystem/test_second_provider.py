"""Signing in at an OpenID Connect provider that is not ours and keeps to the letter (npm `oidc-provider`)."""

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx2
import pytest

from development.accounts import GROUPS
from development.stack import Stack
from tests.conftest import BOUNDLESS, free_port, make_state

FOLDER = Path(__file__).with_name("provider")
MODULES = Path(os.environ.get("CHATBOT_NODE_MODULES", FOLDER.parent)) / "node_modules"
SECRET = secrets.token_urlsafe(24)
pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not MODULES.is_dir(),
    reason="the second identity provider did not run: make setup-ecosystem installs it (needs Node.js and npm)",
)
VARIANTS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "defaults": ({}, {}),
    "issuer with a slash": ({"slash": True}, {}),
    "issuer in a folder": ({"path": "/realms/acme"}, {}),
    "own claim": (
        {"claim": "https://example.com/roles"},
        {"CHATBOT_IDENTITY__GROUPS_CLAIM": "https://example.com/roles"},
    ),
    "secret in the body": (
        {"authentication": "client_secret_post"},
        {"CHATBOT_IDENTITY__CLIENT_AUTHENTICATION": "client_secret_post"},
    ),
}


@contextmanager
def provider_at(port: int, redirect: str, variant: dict[str, Any], folder: Path) -> Iterator[None]:
    folder.mkdir()
    shutil.copy(FOLDER / "server.mjs", folder)
    (folder / "node_modules").symlink_to(MODULES)
    (folder / "package.json").write_text('{"type": "module"}')
    process = subprocess.Popen(
        [
            "node",
            "--preserve-symlinks",
            "--preserve-symlinks-main",
            "server.mjs",
            str(port),
            redirect,
            json.dumps(variant),
        ],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "CLIENT_SECRET": SECRET},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield
    finally:
        process.kill()
        process.wait()


class Forms(HTMLParser):
    """The forms of a page, with the values of their fields."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        if tag == "form":
            self.found.append((held.get("action") or "", {}))
        elif tag in ("input", "button") and self.found and held.get("name"):
            self.found[-1][1][held["name"] or ""] = held.get("value") or ""


def sign_in(stack: Stack, login: str) -> httpx2.Response:
    """Sign in as a browser without scripts does, and return the application's answer to the provider's."""
    with httpx2.Client(trust_env=False, timeout=20) as browser:
        response = browser.get(f"{stack.url}/auth/login")
        kept = [line.split(";")[0] for line in response.headers.get_list("set-cookie")]
        for _ in range(20):
            if response.is_redirect:
                target = urljoin(str(response.url), response.headers["location"])
                # the library keeps no Secure cookie of an http address; browsers do for this machine's own
                own = {"cookie": "; ".join(kept)} if target.startswith(stack.url) else {}
                response = browser.get(target, headers=own)
                kept += [line.split(";")[0] for line in response.headers.get_list("set-cookie")]
                if target.startswith(f"{stack.url}/auth/callback"):
                    if response.status_code == 303:
                        return browser.get(f"{stack.url}/api/v1/session", headers={"cookie": "; ".join(kept)})
                    return response
                continue
            action, fields = Forms(response.text).found[0]
            fields |= {name: value for name, value in (("login", login), ("password", "any")) if name in fields}
            response = browser.post(urljoin(str(response.url), action), data=fields)
    raise AssertionError(f"no end of pages: {response.status_code} {response.text[:300]}")


@pytest.mark.parametrize("name", VARIANTS)
def test_people_sign_in_by_settings_alone(name: str, tmp_path: Path) -> None:
    variant, more = VARIANTS[name]
    state, port = make_state(), free_port()
    redirect = f"http://127.0.0.1:{json.loads((state / 'ports.json').read_text())['gateway']}/auth/callback"
    issuer = f"http://127.0.0.1:{port}{variant.get('path', '')}{'/' if variant.get('slash') else ''}"
    folder = state / "secrets" / "gateway"
    folder.mkdir(mode=0o700, parents=True)
    (folder / "identity_client_secret").write_text(SECRET)
    settings = BOUNDLESS | {"CHATBOT_IDENTITY__ISSUER": issuer, "CHATBOT_IDENTITY__GROUPS": json.dumps(GROUPS)} | more
    try:
        with (
            provider_at(port, redirect, variant, tmp_path / "provider"),
            Stack(state, say=lambda _: None, settings=settings) as stack,
        ):
            assert "identity" not in stack.processes  # ours is not started beside another
            for login, role in (("zoe", "member"), ("adam", "admin")):
                session = sign_in(stack, login)
                assert (session.status_code, session.json()["role"]) == (200, role)
            refused = sign_in(stack, "nobody")
            assert refused.status_code == 403
            assert "1 groups, none of them listed" in (stack.places.logs / "gateway.log").read_text()
    finally:
        shutil.rmtree(state, ignore_errors=True)
