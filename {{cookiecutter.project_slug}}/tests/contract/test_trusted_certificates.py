"""The certificates that a provider's is checked with are read once, however many sign in (api-capacity)."""

import asyncio
from typing import Any

import httpx2
import pytest

from chatbot.config.settings import IdentitySettings
from chatbot.core.principal import Role
from chatbot.identity.openid import OpenIdProvider
from chatbot.identity.tokens.issuer import Issuer, trusted_certificates
from tests.doubles.provider import ScriptedProvider


def test_they_are_not_read_for_every_question(monkeypatch: pytest.MonkeyPatch) -> None:
    trusted_certificates.cache_clear()
    read, really = [0], httpx2.create_ssl_context

    def count(verify: Any = True, **given: Any) -> Any:
        read[0] += verify is True  # else they were read before
        return really(verify, **given)

    for module in (httpx2, httpx2._client, httpx2._transports.default):
        monkeypatch.setattr(module, "create_ssl_context", count, raising=False)
    provider = ScriptedProvider()
    provider.more = {"authorization_endpoint": f"{provider.issuer}/authorize", "token_endpoint": f"{provider.issuer}/t"}
    settings = IdentitySettings(
        issuer=provider.issuer, client_id="chatbot", groups={"g": ("acme", Role.MEMBER)}, scopes=("openid",)
    )

    async def ask() -> None:
        for _ in range(3):
            issuer = Issuer(settings, "s" * 16)
            assert await issuer.key("nobody's") is None
            people = OpenIdProvider(settings, "s" * 16, "http://127.0.0.1/auth/callback", issuer)
            for _ in range(2):
                await people.begin()

    try:
        asyncio.run(ask())
    finally:
        provider.close()
    assert read == [1], "it takes 40 ms, in which nobody is served"
