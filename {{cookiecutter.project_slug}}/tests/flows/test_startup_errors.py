"""What an operator reads when a part cannot start: one line with the cause and what to do, and no traceback."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from development.stack import PROJECT, Stack
from tests.conftest import free_port

MISSING = {
    "gateway": "database_context_key",
    "worker": "database_worker_context_key",
    "migrate": "database_context_key",
}
PARTS = {"gateway": ["run", "gateway"], "worker": ["run", "worker"], "migrate": ["migrate"]}
ROLE = {"gateway": "api", "worker": "worker", "migrate": "migrator"}
WRONG = "canary-wrong-password-5b1f0c77"


def start(stack: Stack, part: str, secrets: Path, **changed: str) -> tuple[int, str]:
    """Start the real part with its own copy of the stack's settings; it must end by itself."""
    shutil.copytree(stack.secrets.folder(part), secrets)
    environment = stack.environment(part) | {
        "CHATBOT_SECRETS_FOLDER": str(secrets),
        "CHATBOT_MONITORING__FORMAT": "json",
    }
    if part == "gateway":
        environment |= {"CHATBOT_GATEWAY__PORT": str(free_port()), "CHATBOT_MTLS__PORT": str(free_port())}
    for name, text in changed.items():
        if name.startswith("CHATBOT_"):
            environment[name] = text
        elif text:
            (secrets / name).write_text(text)
        else:
            (secrets / name).unlink()
    done = subprocess.run(
        [sys.executable, "-m", "chatbot", *PARTS[part]], cwd=PROJECT, env=environment | {"HOME": os.environ["HOME"]},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def the_line(said: str) -> str:
    lines = [json.loads(line) for line in said.splitlines()]
    (line,) = [line for line in lines if line["level"] not in ("info", "debug")]
    assert "exception" not in line and len(said) < 1500
    return str(line["why"])


@pytest.mark.parametrize("part", PARTS)
def test_a_wrong_database_password_is_one_line(stack: Stack, part: str, tmp_path: Path) -> None:
    status, said = start(stack, part, tmp_path / "s", **{f"database_{ROLE[part]}_password": WRONG})
    why = the_line(said)
    assert status and why.startswith("The database cannot be used: ") and "authentication failed" in why
    assert f"the secret file database_{ROLE[part]}_password" in why and WRONG not in said


@pytest.mark.parametrize("part", PARTS)
def test_a_database_that_is_away_is_one_line(stack: Stack, part: str, tmp_path: Path) -> None:
    status, said = start(stack, part, tmp_path / "s", CHATBOT_DATABASE__HOST=str(tmp_path))
    assert status and "CHATBOT_DATABASE__HOST" in the_line(said)
    assert "No such file" in the_line(said)


STORES = {  # part: what it needs, the setting of its address, the file of its password
    "gateway": ("Valkey", "CHATBOT_VALKEY__SOCKET", "valkey_gateway_password"),
    "worker": ("The Valkey of the jobs", "CHATBOT_JOBS__SOCKET", "jobs_worker_password"),
}


@pytest.mark.parametrize("part", STORES)
@pytest.mark.parametrize("away", [True, False])
def test_valkey_that_is_away_or_refuses_is_one_line(stack: Stack, part: str, away: bool, tmp_path: Path) -> None:
    name, address, secret = STORES[part]
    changed = {address: str(tmp_path / "x")} if away else {secret: WRONG}
    status, said = start(stack, part, tmp_path / "s", **changed)
    why = the_line(said)
    assert status and why.startswith(f"{name} cannot be used: ") and address in why and secret in why
    assert WRONG not in said


@pytest.mark.parametrize("part", PARTS)
def test_a_missing_secret_file_says_where_it_is_looked_for(stack: Stack, part: str, tmp_path: Path) -> None:
    status, said = start(stack, part, tmp_path / "s", **{MISSING[part]: ""})
    assert status and "Traceback" not in said
    assert f"the secret file {MISSING[part]} is missing (looked for in {tmp_path / 's'})" in said


def test_a_provider_that_is_away_is_one_line_and_the_gateway_goes_on(stack: Stack, tmp_path: Path) -> None:
    shutil.copytree(stack.secrets.folder("gateway"), tmp_path / "s")
    environment = stack.environment("gateway") | {
        "CHATBOT_SECRETS_FOLDER": str(tmp_path / "s"), "CHATBOT_MONITORING__FORMAT": "json",
        "CHATBOT_IDENTITY__ISSUER": "http://127.0.0.1:9",
    }  # fmt: skip
    environment |= {"CHATBOT_GATEWAY__PORT": str(free_port()), "CHATBOT_MTLS__PORT": str(free_port())}
    process = subprocess.Popen([sys.executable, "-m", "chatbot", "run", "gateway"], cwd=PROJECT, env=environment, stderr=subprocess.PIPE, text=True)  # fmt: skip
    try:
        line = json.loads(next(line for line in process.stderr if "identity provider" in line))
        assert process.poll() is None
        assert (line["level"], line["issuer"]) == ("error", "http://127.0.0.1:9")
        assert "CHATBOT_IDENTITY__ISSUER" in line["event"] and line["cause"] and "exception" not in line
    finally:
        process.terminate()
        process.communicate(timeout=60)
