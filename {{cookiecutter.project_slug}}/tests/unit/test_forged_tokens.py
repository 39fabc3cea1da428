"""Every forged ID token and logout token that is known, at the verifier that both pass through (acc-identity)."""

import asyncio
import time
from typing import Any

import pytest
from joserfc import jwk
from pydantic import SecretStr

from chatbot.config.settings import IdentitySettings
from chatbot.core.principal import Role
from chatbot.identity.openid import OpenIdProvider, SignInFailed
from development.provider_logout import EVENT
from tests.doubles.forger import ISSUER, KEY, Forger, issuer_with

NONCE = {"nonce": {"essential": True, "value": "n"}}
IMPORTED = time.time()
NOW = int(IMPORTED)
# what is made here is judged as at once, however late a slow machine comes to it
pytestmark = pytest.mark.usefixtures("as_at_import")
GENUINE = {"iss": ISSUER, "aud": "chatbot", "sub": "alice", "iat": NOW, "exp": NOW + 600, "nonce": "n"}
FORGER = Forger("JWT", GENUINE)
signed = FORGER.signed


def provider(*keys: Any) -> OpenIdProvider:
    settings = IdentitySettings(
        issuer=ISSUER, client_id="chatbot", client_secret=SecretStr("s" * 16), groups={"g": ("acme", Role.MEMBER)}
    )
    made = OpenIdProvider(settings, "s" * 16, "https://chat.acme.net/auth/callback", issuer_with(settings, *keys))
    made._metadata = {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks"}
    return made


def check(token: object, *keys: Any) -> dict[str, Any]:
    return asyncio.run(provider(*keys)._verify(token, **NONCE))


def test_the_genuine_token_passes() -> None:
    assert check(FORGER.by_hand(FORGER.header))["sub"] == "alice"
    assert check(signed())["sub"] == "alice"
    assert check(signed(header={"typ": None}))["sub"] == "alice"
    assert check(signed(aud=["chatbot", "other"], azp="chatbot"))["sub"] == "alice"


@pytest.mark.parametrize(
    ("kind", "size", "algorithm"), [("RSA", 2048, "RS256"), ("RSA", 2048, "PS256"), ("OKP", "Ed25519", "Ed25519")]
)
def test_each_listed_algorithm_is_taken(kind: str, size: Any, algorithm: str) -> None:
    key = jwk.generate_key(kind, size, parameters={"kid": "k"})
    assert check(signed(key, header={"alg": algorithm}), key)["sub"] == "alice"


def test_a_key_is_for_the_algorithm_that_it_names() -> None:
    key = jwk.generate_key("RSA", 2048, parameters={"kid": "k"})
    published = jwk.import_key(key.as_dict(private=False, alg="PS256"))
    assert published.get("alg") == "PS256"
    assert check(signed(key, header={"alg": "PS256"}), published)["sub"] == "alice"
    with pytest.raises(SignInFailed):
        check(signed(key, header={"alg": "RS256"}), published)


def test_a_token_that_names_no_key_is_for_the_only_one() -> None:
    assert check(signed(header={"kid": None}))["sub"] == "alice"
    with pytest.raises(SignInFailed):
        check(signed(header={"kid": None}), KEY, jwk.generate_key("EC", "P-256", parameters={"kid": "l"}))


FORGED = FORGER.forgeries() | {
    "another nonce": signed(nonce="m"),
    "no nonce": signed(nonce=None),
    "CVE-2025-41258 an access token": signed(header={"typ": "at+jwt"}),
    "CVE-2025-41258 an access token, its type in full": signed(header={"typ": "application/AT+JWT"}),
    "CVE-2025-41258 a logout token": signed(header={"typ": "logout+jwt"}),
    "given to another application": signed(azp="other"),
    "for several, given to nobody": signed(aud=["chatbot", "other"]),
}


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED)
def test_a_forged_token_is_refused(token: object) -> None:
    """CVE-2026-28802, CVE-2026-27962, CVE-2025-59420, CVE-2025-61920: keys and algorithms are ours to choose alone."""
    with pytest.raises(SignInFailed) as refused:
        check(token)
    assert not isinstance(token, str) or len(token) < 20 or token not in refused.value.why


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"events": {}},
        {"events": {EVENT: 1}},
        {"events": {EVENT: {}}, "nonce": "n"},
        {"events": {EVENT: {}}, "jti": None},
        {"events": {EVENT: {}}, "sub": None},
        {"events": {EVENT: {}}, "iat": 1},
    ],
    ids=str,
)
def test_what_is_no_logout_token_ends_nothing(changed: dict[str, Any]) -> None:
    """CVE-2025-41258: an ID token is no logout token, nor the other way round."""
    told = {"nonce": None, "jti": "j", **changed}
    with pytest.raises(SignInFailed):
        asyncio.run(provider().read_logout(signed(**told)))


def test_a_logout_token_is_one() -> None:
    token = signed(nonce=None, jti="j", events={EVENT: {}})
    assert asyncio.run(provider().read_logout(token))["sub"] == "alice"
    with pytest.raises(SignInFailed):
        check(token)


def test_secrets_are_compared_in_constant_time_everywhere() -> None:
    """CVE-2025-59425: a lint rule with samples of its own holds it for the whole tree."""
    from proof.lint import check_tree
    from proof.registry import ROOT
    from proof.rules import python_code

    (rule,) = [rule for rule in python_code.RULES if rule.name == "secret-equality"]
    assert all(rule.check(rule.sample(sample)) for sample in rule.bad)
    assert not [finding for finding in check_tree(ROOT) if finding.rule.name == "secret-equality"]
