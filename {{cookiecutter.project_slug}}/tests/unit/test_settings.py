"""Settings: named, typed, secrets from files only (a first part of control app-config)."""

import json

import pytest

from chatbot.config.loading import BadSettings, load_settings

GOOD = {
    "CHATBOT_ENVIRONMENT": "development",
    "CHATBOT_GATEWAY__PUBLIC_URL": "http://127.0.0.1:8000",
    "CHATBOT_IDENTITY__ISSUER": "http://localhost:8001",
    "CHATBOT_IDENTITY__CLIENT_ID": "chatbot",
    "CHATBOT_IDENTITY__GROUPS": json.dumps({"acme-admins": ["acme", "admin"]}),
    "CHATBOT_DATABASE__HOST": "/tmp/x",
    "CHATBOT_VALKEY__SOCKET": "/tmp/y",
    "CHATBOT_JOBS__SOCKET": "/tmp/z",
    "PATH": "/bin",
}


def findings(changed, **removed):
    with pytest.raises(BadSettings) as caught:
        load_settings({**GOOD, **changed})
    return "\n".join(caught.value.findings)


def test_good_settings_load_and_are_frozen():
    settings = load_settings(GOOD)
    assert settings.identity.groups["acme-admins"][1] == "admin"
    with pytest.raises(Exception, match="frozen"):
        settings.gateway.port = 1


def test_secrets_come_from_files_and_are_not_shown(tmp_path):
    (tmp_path / "gateway_session_key").write_text("ab" * 32 + "\n")
    (tmp_path / "model_key").write_text("sk-very-secret\n")
    settings = load_settings({**GOOD, "CHATBOT_SECRETS_FOLDER": str(tmp_path)})
    assert settings.gateway.session_key.get_secret_value() == bytes.fromhex("ab" * 32)
    assert settings.model.key.get_secret_value() == "sk-very-secret"
    assert "very-secret" not in repr(settings)


def test_a_secret_in_the_environment_is_refused_without_being_shown():
    found = findings({"CHATBOT_MODEL__KEY": "sk-very-secret"})
    assert "model_key" in found
    assert "very-secret" not in found


def test_everything_wrong_is_named_at_once(tmp_path):
    (tmp_path / "gateway_session_key").write_text("not hexadecimal")
    found = findings(
        {
            "CHATBOT_ENVIRONMENT": "prod",
            "CHATBOT_GATEWAY__PUBLIC_URL": "http://user@host/path",
            "CHATBOT_GATEWAY__PROT": "1",
            "CHATBOT_GATEWAY__PORT": "99999",
            "CHATBOT_IDENTITY__GROUPS": "{",
            "CHATBOT_SECRETS_FOLDER": str(tmp_path),
        }
    )
    for name in (
        "CHATBOT_ENVIRONMENT",
        "PUBLIC_URL",
        "GATEWAY__PROT",
        "GATEWAY__PORT",
        "GROUPS",
        "gateway_session_key",
    ):
        assert name in found


def test_a_missing_setting_is_named():
    with pytest.raises(BadSettings, match="CHATBOT_DATABASE"):
        load_settings({name: value for name, value in GOOD.items() if "DATABASE" not in name})


def test_production_refuses_plain_http() -> None:
    found = findings({"CHATBOT_ENVIRONMENT": "production"})
    assert "GATEWAY__PUBLIC_URL: production needs an https address" in found
    assert "IDENTITY__ISSUER: production needs an https address" in found
    https = {
        "CHATBOT_GATEWAY__PUBLIC_URL": "https://chat.acme.net",
        "CHATBOT_IDENTITY__ISSUER": "https://sso.acme.net",
        "CHATBOT_IDENTITY__GROUPS": json.dumps({"staff": ["acme", "member"]}),
    }
    assert load_settings({**GOOD, **https, "CHATBOT_ENVIRONMENT": "production"}).environment == "production"


def test_a_short_key_is_refused(tmp_path):
    (tmp_path / "gateway_session_key").write_text("ab")
    assert "gateway_session_key" in findings({"CHATBOT_SECRETS_FOLDER": str(tmp_path)})
