"""Whoever sets it up wrong: what must not start does not start, and what must not be said is not said (app-config)."""

import json
import os
import re
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chatbot.config.judging import REQUIRED
from chatbot.gateway.access.actions import ACTIONS
from development.stack import PROJECT, Stack
from tests.doubles.goal import must_fail
from tests.doubles.person import Person
from tests.doubles.upstream import ScriptedModel
from tests.unit.test_judging import GOOD

CANARY = "canary-5b1f0c77-secret"


def run(arguments: list[str], environment: dict[str, str], seconds: float = 30) -> tuple[int, str]:
    """Run the command line as an operator does; a gateway that went on starting is ended."""
    passed = {"PATH": os.environ["PATH"]} | environment
    process = subprocess.Popen(
        [sys.executable, "-m", "chatbot", *arguments],
        cwd=PROJECT, env=passed, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        said, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
        return -1, said
    return process.returncode, said


def fill(folder: Path, **changed: str) -> dict[str, str]:
    for name in {name for names in REQUIRED.values() for name in names}:
        (folder / name).write_text(changed.get(name, secrets.token_hex(32)))
        (folder / name).chmod(0o600)
    (folder / "model_key").write_text("sk-live-4f9a8b7c6d5e")
    (folder / "model_key").chmod(0o600)
    return GOOD | {"CHATBOT_SECRETS_FOLDER": str(folder)}


@pytest.mark.parametrize(
    "changed",
    [
        {"database_api_password": "changeme-changeme-changeme"},
        {"database_api_password": "same-for-both-0f9e8d7c6b", "valkey_gateway_password": "same-for-both-0f9e8d7c6b"},
        {"identity_client_secret": ""},
        {"gateway_session_key": "00" * 32},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_production_starts_with_nothing_that_others_know(tmp_path: Path, changed: dict[str, str]) -> None:
    """CVE-2026-56271: the program refuses to start when a secret is missing, short, shared or a template's."""
    status, said = run(["run", "gateway"], fill(tmp_path, **changed))
    must_fail("The settings are not usable" not in said, f"production began to start: {said[-300:]}")
    assert status == 2
    assert not [text for text in changed.values() if text and text in said]


def test_the_doctor_says_all_of_it_and_no_secret(tmp_path: Path) -> None:
    environment = fill(tmp_path, database_api_password=CANARY, valkey_gateway_password=CANARY)
    (tmp_path / "identity_client_secret").unlink()
    environment |= {"CHATBOT_GATEWAY__PUBLIC_URL": "http://localhost:1", "CHATBOT_MODEL__KEY": CANARY}
    status, said = run(["doctor", "--config", "--json"], environment)
    assert status == 1
    found = "\n".join(json.loads(said)["findings"])
    for name in ("PUBLIC_URL", "MODEL__KEY", "identity_client_secret", "database_api_password"):
        assert name in found
    assert CANARY not in said
    assert run(["doctor", "--config"], fill(tmp_path))[0] == 0
    assert run(["doctor"], environment)[0] == 2


def test_a_deployment_is_judged_from_its_files(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    environment = fill(tmp_path / "secrets")
    file = tmp_path / "production.env"
    file.write_text("# settings\n" + "\n".join(f"{name}={value}" for name, value in environment.items()))
    arguments = [
        "doctor",
        "--config",
        "--env-file",
        str(file),
        "--secrets",
        str(tmp_path / "secrets"),
        "--environment",
        "production",
    ]
    assert run(arguments, {}) == (0, "The settings of the gateway are usable.\n")
    file.write_text("not a setting")
    assert run(arguments, {})[0] == 2


def test_no_password_or_key_stands_in_the_project() -> None:
    """CVE-2026-56271: no default password exists in the generated tree."""
    assert defaults_in('PASSWORD="hunter2hunter2"\n') and defaults_in("secret_key: changeme-changeme")  # it finds them
    for path in PROJECT.rglob("*"):
        inside = path.relative_to(PROJECT).parts
        if not path.is_file() or {"tests", "__pycache__", "benchmarks", ".venv", ".run", "node_modules"} & set(inside):
            continue
        if path.suffix in {".py", ".toml", ".md", ".sql", ".lua", ".js", ".html", ".in", ".json", ""}:
            assert not defaults_in(path.read_text(errors="replace")), path


def defaults_in(text: str) -> list[str]:
    return re.findall(r"(?i)\b(?:password|passwd|secret|secret_key|api_key|token)\b\"?\s*[:=]\s*[\"']?[a-z]+[a-z0-9-]*\d[a-z0-9]{5,}[\"']?$|changeme-\w+", text, re.MULTILINE)  # fmt: skip


def test_nothing_is_set_by_a_request() -> None:
    """CVE-2026-35029: configuration is read at the start; no route writes environment, paths, handlers or upstreams."""
    document = json.loads((PROJECT / "openapi.json").read_text())
    named = re.compile(r"(?i)config|setting|environment|env_|base_url|upstream|handler|plugin|webhook|callback_url")
    for template in ACTIONS:
        assert not named.search(template) or template == "/settings", template  # a page of one's own keys and sessions
    for name, schema in document["components"]["schemas"].items():
        if "additionalProperties" in schema:  # what is sent
            assert not [field for field in schema.get("properties", {}) if named.search(field)], name


@pytest.mark.parametrize("what", ["share", "import", "banner", "notice", "branding", "template", "reset", "invite"])
def test_what_is_not_built_cannot_be_got_wrong(what: str) -> None:
    """SHARED-LINKS, CVE-2026-44562, CVE-2026-44568, CVE-2026-41276: no route shares, imports, brands or resets.

    Reviewed: a conversation is exported to its owner and never imported; people sign in at the identity provider, so no
    one-time token, invitation or reset is made here; no administrator writes a text that others' browsers show.
    """
    document = json.loads((PROJECT / "openapi.json").read_text())
    assert not [path for path in document["paths"] if what in path.lower()]


def test_templates_in_a_question_come_out_unchanged(model_stack: Stack, model: ScriptedModel, person: Any) -> None:
    """CVE-2026-42203: nothing is rendered but by its fixed place."""
    model.reset()
    ann: Person = person("bob", at=model_stack)
    block = "%".join("{ if a }".split(" if a ")) + "% for a in b %"
    text = "{{7*7}} {x.__class__} " + block + " ${7*7} <%= 7*7 %> #{7*7} %(x)s {0} {instructions}"
    ann.ask(text)
    said = json.dumps(model.requests[-1], ensure_ascii=False)
    assert json.dumps(text)[1:-1] in said
    assert "49" not in said
