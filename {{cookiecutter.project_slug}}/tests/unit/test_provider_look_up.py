"""The first look at the identity provider: one that starts late is no error, one that is away is told once."""

import asyncio
import logging

import pytest

from chatbot.config.settings import IdentitySettings
from chatbot.core.errors import Unavailable
from chatbot.core.principal import Role
from chatbot.identity.openid import OpenIdProvider
from tests.doubles.forger import ISSUER, issuer_with

SETTINGS = IdentitySettings(issuer=ISSUER, client_id="chatbot", groups={"g": ("acme", Role.MEMBER)})


class Late(OpenIdProvider):
    """A provider that cannot be used at first; `failures` says how often."""

    def __init__(self, failures: int) -> None:
        super().__init__(SETTINGS, "s" * 16, "https://chat.acme.net/auth/callback", issuer_with(SETTINGS))
        self.failures, self.asked = failures, 0

    async def _discover(self) -> dict[str, object]:
        self.asked += 1
        if self.asked <= self.failures:
            raise Unavailable("away")
        return {}


@pytest.mark.parametrize(("failures", "asked", "told"), [(0, 1, 0), (1, 2, 0), (3, 4, 0), (4, 4, 1), (9, 4, 1)])
def test_it_is_asked_again_and_told_only_in_the_end(
    failures: int, asked: int, told: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def at_once(_seconds: float) -> None:
        return None

    monkeypatch.setattr("chatbot.identity.openid.asyncio.sleep", at_once)
    provider = Late(failures)

    async def look() -> None:
        provider.open()
        assert provider._first_look is not None
        await provider._first_look
        await provider.close()

    with caplog.at_level(logging.INFO):
        asyncio.run(look())
    assert (provider.asked, len(caplog.records)) == (asked, told)
    assert all(vars(record)["issuer"] == ISSUER for record in caplog.records)
