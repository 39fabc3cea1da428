"""What is never written down."""

import logging
import time

import pytest

from chatbot.monitoring.logs import JsonLines, PlainLines
from chatbot.monitoring.redaction import _FORMS, know_secrets, redact

SECRETS = [
    "cbk_0Qj19rkFyMkOHhZKjVPNz2E4IZMlfDaCACbSnmbD5fco4SJwz8",
    "sk-proj-abcdefghijklmnop1234567890",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "AKIAIOSFODNN7EXAMPLE",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl",
    "Bearer abcdefgh12345678",
    "authorization: Basic dXNlcjpwYXNzd29yZA==",
    "__Host-chatbot-main-session=Zm9vYmFyYmF6cXV4",
    "-----BEGIN EC " + "PRIVATE KEY-----\nMHcCAQEEIA\n-----END EC " + "PRIVATE KEY-----",
    "postgresql://user:hunter2pass@host/db",
    "jane.doe+x@mail.example.com",
    "4111 1111 1111 1111",
    "5500-0000-0000-0004",
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("around", ["{}", "said: {}, and more", '{{"field":"{}"}}', "x={}\n"])
def test_a_secret_becomes_a_word(secret: str, around: str) -> None:
    told = redact(around.format(secret))
    assert secret not in told and "[" in told
    kept = secret.rsplit(maxsplit=1)[-1].split("=", 1)[-1].rsplit("//", maxsplit=1)[-1].split("@", maxsplit=1)[0]
    assert kept not in told or len(kept) < 6


@pytest.mark.parametrize(
    "text",
    ["", "a plain line", "2026-11-26T00:00:00", "38f581d8-f26b-5ae9-bc21-a77fa7c76aae", "a@b", "sk-1", "1234 5678 9012 3456",
     "http://127.0.0.1:8000/documents", "refused (beyond the credential's scopes)"],
)  # fmt: skip
def test_other_text_stays(text: str) -> None:
    assert redact(text) == text


def test_the_process_s_own_secrets_are_known_by_their_text() -> None:
    try:
        know_secrets(["correct horse battery", "short"])
        assert redact("it is correct horse battery, short") == "it is [secret], short"
    finally:
        know_secrets([])


@pytest.mark.parametrize("form", [JsonLines(), PlainLines()])
def test_every_part_of_a_log_line_passes_through(form: logging.Formatter) -> None:
    try:
        raise ValueError(f"failed for {SECRETS[0]}")
    except ValueError as error:
        record = logging.LogRecord(
            "x", logging.ERROR, "x", 1, "asked with %s", (SECRETS[1],), (type(error), error, error.__traceback__)
        )
    record.why = SECRETS[10]
    line = form.format(record)
    for secret in (SECRETS[0], SECRETS[1], SECRETS[10]):
        assert secret not in line


@pytest.mark.parametrize(
    "text",
    ["a" * 100_000, "eyJ" * 33_000, "a@" * 50_000, "1 " * 50_000, "-----BEGIN " * 9_000, "://" * 33_000, "a." * 50_000,
     "://a:" * 20_000, "__Host-a=" * 11_000, "bearer " * 14_000, "a@b." * 25_000],
    ids=lambda text: text[:8],
)  # fmt: skip
def test_no_text_holds_it_up(text: str) -> None:
    """CVE-2026-70493: every pattern finishes within 100 ms on 100 KB of hostile text."""
    for name, form in _FORMS:
        began = time.process_time()
        form.sub("", text[:20_000])
        assert time.process_time() - began < 0.1, name
    began = time.process_time()
    redact(text)
    assert time.process_time() - began < 0.3
