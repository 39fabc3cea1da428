"""What a provider may say at UserInfo and in its configuration (acc-identity)."""

import asyncio
from typing import Any

import pytest

from chatbot.config.settings import IdentitySettings
from chatbot.core.errors import Unavailable
from chatbot.identity.openid import _ENDPOINTS, _PROVED, OpenIdProvider, SignInFailed
from chatbot.identity.tokens.issuer import Issuer

ISSUER = "https://sso.acme.net"
SETTINGS = IdentitySettings(issuer=ISSUER, client_id="chatbot", groups={"staff": ("acme", "member")})
METADATA = {"issuer": ISSUER, "userinfo_endpoint": f"{ISSUER}/me"} | {name: f"{ISSUER}/{name}" for name in _ENDPOINTS}


class Provider(OpenIdProvider):
    """The real one, over answers of a test's choice; which addresses it asked is remembered."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__(SETTINGS, "x" * 32, "https://chat.acme.net/auth/callback", Issuer(SETTINGS, "x" * 32))
        self.answer, self.asked = answer, []

    async def _get(self, address: str, token: str | None = None) -> dict[str, Any]:
        self.asked.append((address, token))
        return self.answer


def userinfo(answer: dict[str, Any], **metadata: str) -> dict[str, Any]:
    return asyncio.run(Provider(answer)._ask_userinfo(METADATA | metadata, "token", "alice"))


def test_groups_come_from_the_same_person_only() -> None:
    assert userinfo({"sub": "alice", "groups": ["staff"]}) == {"groups": ["staff"]}
    for answer in ({"sub": "mallory", "groups": ["it"]}, {"groups": ["it"]}, {"sub": None, "groups": ["it"]}):
        with pytest.raises(SignInFailed) as failed:
            userinfo(answer)
        assert "another person" in failed.value.why


@pytest.mark.parametrize("name", sorted(_PROVED - {"sub"}))
def test_it_says_nothing_about_what_the_id_token_proves(name: str) -> None:
    assert userinfo({"sub": "alice", name: "forged", "name": "Alice"}) == {"name": "Alice"}


def test_the_token_goes_over_no_open_line() -> None:
    provider = Provider({"sub": "alice"})
    with pytest.raises(Unavailable, match="unsafe address"):
        asyncio.run(provider._ask_userinfo(METADATA | {"userinfo_endpoint": "http://sso.acme.net/me"}, "t", "alice"))
    assert provider.asked == []


@pytest.mark.parametrize("name", _ENDPOINTS)
def test_each_address_of_the_configuration_is_encrypted_as_the_issuer_s_is(name: str) -> None:
    assert asyncio.run(Provider(METADATA)._discover()) == METADATA
    with pytest.raises(Unavailable, match="unsafe address"):
        asyncio.run(Provider(METADATA | {name: f"http://sso.acme.net/{name}"})._discover())
