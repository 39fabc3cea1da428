"""Every judgement of the settings, each by a good value and by bad ones (app-config)."""

import json
import secrets
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from chatbot.config.judging import REQUIRED, judge_secrets
from chatbot.config.loading import BadSettings, load_settings

GOOD = {
    "CHATBOT_ENVIRONMENT": "production",
    "CHATBOT_GATEWAY__PUBLIC_URL": "https://chat.acme.net",
    "CHATBOT_IDENTITY__ISSUER": "https://sso.acme.net",
    "CHATBOT_IDENTITY__CLIENT_ID": "chatbot",
    "CHATBOT_IDENTITY__GROUPS": json.dumps({"staff": ["acme", "member"], "it": ["acme", "admin"]}),
    "CHATBOT_DATABASE__HOST": "/run/postgresql",
    "CHATBOT_VALKEY__SOCKET": "/run/valkey.sock",
    "CHATBOT_JOBS__SOCKET": "/run/jobs.sock",
    "CHATBOT_JOBS__PRODUCERS": json.dumps({"gateway": b64encode(secrets.token_bytes(32)).decode()}),
    "CHATBOT_MODEL__BASE_URL": "https://models.acme.net/v1",
    "CHATBOT_MODEL__NAME": "big",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in {name for names in REQUIRED.values() for name in names}:
        (tmp_path / name).write_text(secrets.token_hex(32))
        (tmp_path / name).chmod(0o600)
    (tmp_path / "model_key").write_text("sk-live-4f9a8b7c6d5e")
    (tmp_path / "model_key").chmod(0o600)
    return tmp_path


def findings(folder: Path, part: str = "gateway", **changed: str | None) -> str:
    values: dict[str, Any] = {**GOOD, "CHATBOT_SECRETS_FOLDER": str(folder)}
    values |= {f"CHATBOT_{name}": value for name, value in changed.items()}
    try:
        load_settings({name: value for name, value in values.items() if value is not None}, part=part)
    except BadSettings as error:
        return "\n".join(error.findings)
    return ""


def test_only_the_gateway_needs_the_model_s_key(folder: Path) -> None:
    (folder / "model_key").unlink()
    assert "MODEL__KEY: is missing" in findings(folder)
    assert findings(folder, MODEL__BASE_URL="http://127.0.0.1:11434/v1") == findings(folder, MODEL__BASE_URL=None) == ""
    assert findings(folder, "worker") == findings(folder, "migrate") == ""


@pytest.mark.parametrize("part", REQUIRED)
def test_good_settings_have_no_finding(folder: Path, part: str) -> None:
    assert findings(folder, part) == ""


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("GATEWAY__PUBLIC_URL", "http://chat.acme.net", "https"),
        ("GATEWAY__PUBLIC_URL", "https://chat.example.com", "local or a template's"),
        ("GATEWAY__PUBLIC_URL", "https://localhost", "local or a template's"),
        ("GATEWAY__PUBLIC_URL", "https://10.0.0.5", "local or a template's"),
        ("IDENTITY__ISSUER", "http://sso.acme.net", "https"),
        ("IDENTITY__ISSUER", "https://127.0.0.1:8001", "local or a template's"),
        ("IDENTITY__IDLE_SECONDS", "90000", "longer than"),
        ("IDENTITY__GROUPS", "{}", "no group"),
        ("IDENTITY__GROUPS", '{"it": ["acme", "admin"]}', "everybody an administrator"),
        ("MODEL__BASE_URL", "http://models.acme.net/v1", "https"),
        ("LIMITS__BUDGETS", '{"user": {}}', "no limit a month for user"),
        ("LIMITS__BUDGETS", '{"all": {"tokens": {"day": 5}}}', "no limit a month for all"),
        ("LIMITS__BUDGETS", '{"user": {"money": {"month": 5}}}', "no price"),
        ("MONITORING__FORMAT", "plain", "json"),
        ("JOBS__PRODUCERS", '{"gateway": "replace-me"}', "32 bytes in base64"),
        ("JOBS__PRODUCERS", '{"gateway": "c2hvcnQ="}', "32 bytes in base64"),
        ("TOOLS__SERVERS", '{"sums": {"url": "http://tools.acme.net/mcp"}}', "https"),
        ("GATEWAY__SESION_KEY", "x", "not a setting"),
        ("DATABASE__API_PASSWORD", "hunter2hunter2hunter2", "is a secret"),
    ],
)  # fmt: skip
def test_each_bad_setting_is_named(folder: Path, name: str, value: str | None, said: str) -> None:
    found = findings(folder, **{name: value})
    assert name.partition(",")[0] in found and said in found
    assert "hunter2" not in found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "missing"),
        ("short", "fewer than"),
        ("changeme-changeme", "template's"),
        ("my-secret-password", "template's"),
        ("a" * 40, "repeats"),
        ("abab" * 10, "repeats"),
        ("0123456789abcdefgh"[:16], "repeats"),
        ("passwordpassword1!xK", "template's"),
    ],
)
@pytest.mark.parametrize("name", REQUIRED["gateway"])
def test_each_weak_secret_is_named_and_never_shown(folder: Path, name: str, text: str, said: str) -> None:
    """CVE-2026-56271: unset keys fell back to constants, and compose files shipped passwords."""
    (folder / name).write_text(text)
    found = findings(folder)
    assert name in found and (said in found or "hexadecimal" in found)
    assert not text or text not in found


def test_a_worker_that_could_verify_no_job_is_told(folder: Path) -> None:
    assert "JOBS__PRODUCERS names no gateway's public key" in findings(folder, "worker", JOBS__PRODUCERS=None)
    assert findings(folder, "gateway", JOBS__PRODUCERS=None) == ""


def test_one_secret_for_two_purposes_is_named(folder: Path) -> None:
    """CVE-2025-41258: one key signed both sessions and an inner service's tokens."""
    (folder / "valkey_gateway_password").write_text((folder / "database_api_password").read_text())
    assert "holds the same as" in findings(folder)


def test_a_secret_that_everybody_reads_is_named(folder: Path) -> None:
    (folder / "gateway_session_key").chmod(0o644)
    assert "gateway_session_key can be read by everybody" in findings(folder)


@pytest.mark.parametrize("part", REQUIRED)
def test_all_that_a_part_misses_is_named_at_once(tmp_path: Path, part: str) -> None:
    found = findings(tmp_path, part)
    for name in REQUIRED[part]:
        assert f"{name} is missing (looked for in {tmp_path}): {part} needs it" in found


def test_a_long_random_text_is_no_template_by_chance() -> None:
    assert judge_secrets({"x": "qF3test_Zr8kLmN0pQsTuVwXyZ1234567890abcdE"}, None, strict=True) == []


def test_development_is_told_of_contradictions_only(tmp_path: Path) -> None:
    settings = {"ENVIRONMENT": "development", "GATEWAY__PUBLIC_URL": "http://127.0.0.1:8000", "MODEL__BASE_URL": None}
    assert findings(tmp_path, part="", **settings) == ""
    assert "longer than" in findings(tmp_path, part="", **settings, IDENTITY__IDLE_SECONDS="90000")


MTLS = {
    "MTLS__URL": "https://chat-services.acme.net:8443",
    "MTLS__PORT": "8443",
    "MTLS__CERTIFICATE": "/run/tls/tls.crt",
    "MTLS__KEY": "/run/tls/tls.key",
    "MTLS__CLIENT_AUTHORITIES": "/run/tls/ca.crt",
}
SERVICE = {"tenant": "acme", "scopes": ["chat"], "name": "x", "certificate": "spiffe://acme.net/x"}


def test_the_services_port_is_whole_or_not_there(folder: Path) -> None:
    assert findings(folder, **MTLS) == ""
    for name in MTLS:
        found = findings(folder, **{other: value for other, value in MTLS.items() if other != name})
        assert f"CHATBOT_{name}: field required" in found
    assert "write https" in findings(folder, **MTLS | {"MTLS__URL": "http://chat-services.acme.net:8443"})
    assert "a port of their own" in findings(folder, **MTLS, GATEWAY__PORT="8443")
    assert "CHATBOT_MTLS__PORTS is not a setting" in findings(folder, **MTLS, MTLS__PORTS="1")
    key = folder.parent / "tls.key"
    key.write_text("x")
    key.chmod(0o644)
    assert "everybody can read" in findings(folder, **MTLS | {"MTLS__KEY": str(key)})


def test_one_certificate_is_one_service_s(folder: Path) -> None:
    assert findings(folder, IDENTITY__SERVICES=json.dumps({"a": SERVICE})) == ""
    assert "to several" in findings(folder, IDENTITY__SERVICES=json.dumps({"a": SERVICE, "b": SERVICE}))
    for name in ("reports", "", "spiffe://acme.net/ x", "*"):
        found = findings(folder, IDENTITY__SERVICES=json.dumps({"a": SERVICE | {"certificate": name}}))
        assert "a.certificate" in found, name


@pytest.mark.parametrize(
    "changed",
    [
        {"JOBS__SOCKET": None},
        {"JOBS__SOCKET": "/run/valkey.sock"},
        {"JOBS__SOCKET": None, "JOBS__HOST": "valkey", "VALKEY__SOCKET": None, "VALKEY__HOST": "valkey"},
    ],
)
def test_jobs_have_memory_of_their_own(folder: Path, changed: dict[str, str | None]) -> None:
    assert "CHATBOT_JOBS__HOST" in findings(folder, **changed)
    assert "an instance of their own" in findings(folder, **changed)
    assert "JOBS__HOST" not in findings(folder, **changed, ENVIRONMENT="development")


def test_jobs_are_reached_safely(folder: Path) -> None:
    elsewhere = {"JOBS__SOCKET": None, "JOBS__HOST": "jobs", "VALKEY__SOCKET": None, "VALKEY__HOST": "valkey"}
    assert findings(folder, **elsewhere) == ""
    assert "CHATBOT_JOBS__TLS" in findings(folder, **elsewhere, JOBS__TLS="false")
    port = elsewhere | {"VALKEY__HOST": "jobs", "JOBS__PORT": "6380"}
    assert findings(folder, **port) == ""
    assert "JOBS: " in findings(folder, JOBS__HOST="jobs")  # beside the socket
