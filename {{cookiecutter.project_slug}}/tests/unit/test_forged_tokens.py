"""Every forged ID token and logout token that is known, at the verifier that both pass through (web-session)."""

import asyncio
import base64
import json
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jwk, jws, jwt
from pydantic import SecretStr

from chatbot.config.settings import IdentitySettings
from chatbot.core.principal import Role
from chatbot.identity.openid import OpenIdProvider, SignInFailed
from development.provider_logout import EVENT

ISSUER = "https://sso.acme.net"
NONCE = {"nonce": {"essential": True, "value": "n"}}
KEY = jwk.generate_key("EC", "P-256", parameters={"kid": "k", "use": "sig", "alg": "ES256"})
OTHER = jwk.generate_key("EC", "P-256", parameters={"kid": "k"})
RSA = jwk.generate_key("RSA", 2048, parameters={"kid": "k"})


def provider() -> OpenIdProvider:
    settings = IdentitySettings(
        issuer=ISSUER, client_id="chatbot", client_secret=SecretStr("s" * 16), groups={"g": ("acme", Role.MEMBER)}
    )
    made = OpenIdProvider(settings, "s" * 16, "https://chat.acme.net/auth/callback")
    made._metadata = {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks"}
    made._keys = jwk.KeySet([jwk.import_key(KEY.as_dict(private=False))])
    made._keys_at = time.monotonic()
    return made


def claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    whole = {"iss": ISSUER, "aud": "chatbot", "sub": "alice", "iat": now, "exp": now + 60, "nonce": "n", **changed}
    return {name: value for name, value in whole.items() if value is not None}


def signed(key: Any = KEY, *, header: dict[str, Any] | None = None, **changed: Any) -> str:
    algorithm = (header or {}).get("alg", "ES256")
    registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    whole = {"alg": "ES256", "kid": "k"} | (header or {})
    return jws.serialize_compact(whole, json.dumps(claims(**changed)).encode(), key, registry=registry)


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def signed_by_hand(header: dict[str, Any]) -> str:
    """Return a token that is genuine but for a header that no library would write (ES256, RFC 7518, section 3.4)."""
    told = f"{part(header)}.{part(claims())}"
    made = KEY.private_key.sign(told.encode(), ECDSA(SHA256()))
    numbers = b"".join(number.to_bytes(32, "big") for number in decode_dss_signature(made))
    return f"{told}.{base64.urlsafe_b64encode(numbers).rstrip(b'=').decode()}"


def swapped(header: dict[str, Any], token: str = "") -> str:
    """Return a token under another header, with the genuine signature."""
    _, body, signature = (token or signed()).split(".")
    return f"{part(header)}.{body}.{signature}"


def check(token: object) -> dict[str, Any]:
    return asyncio.run(provider()._verify(token, **NONCE))


def test_the_genuine_token_passes() -> None:
    assert check(signed_by_hand({"alg": "ES256", "kid": "k"}))["sub"] == "alice"
    assert check(signed())["sub"] == "alice"


PUBLIC = KEY.as_dict(private=False)
OTHER_PUBLIC = OTHER.as_dict(private=False)
FORGED = {
    "CVE-2026-28802 none": f"{part({'alg': 'none'})}.{part(claims())}.",
    "CVE-2026-28802 None": f"{part({'alg': 'None'})}.{part(claims())}.",
    "CVE-2026-28802 no alg": f"{part({'kid': 'k'})}.{part(claims())}.x",
    "CVE-2026-28802 empty signature": signed().rpartition(".")[0] + ".",
    "CVE-2026-28802 no signature": signed().rpartition(".")[0],
    "CVE-2026-27962 jwk in the header": signed(OTHER, header={"jwk": OTHER_PUBLIC}),
    "CVE-2026-27962 jku": signed(OTHER, header={"jku": "https://evil.example/jwks"}),
    "CVE-2026-27962 x5u": signed(OTHER, header={"x5u": "https://evil.example/cert"}),
    "CVE-2025-59420 crit": signed_by_hand({"alg": "ES256", "kid": "k", "crit": ["bork"], "bork": "x"}),
    "CVE-2025-59420 crit swapped": swapped({"alg": "ES256", "kid": "k", "crit": ["exp"]}),
    "another key": signed(OTHER),
    "another key, another name": signed(OTHER, header={"kid": "unknown"}),
    "HMAC with the public key": jwt.encode(
        {"alg": "HS256", "kid": "k"}, claims(), jwk.import_key(json.dumps(PUBLIC), "oct")
    ),
    "RSA": signed(RSA, header={"alg": "RS256"}),
    "CVE-2025-61920 too long": signed(x="a" * 9000),
    "CVE-2025-61920 compressed JWE": f"{part({'alg': 'dir', 'enc': 'A128GCM', 'zip': 'DEF'})}.....",
    "CVE-2025-61920 many parts": "." * 8000,
    "another issuer": signed(iss="https://evil.example"),
    "issuer with a slash": signed(iss=f"{ISSUER}/"),
    "another audience": signed(aud="other"),
    "several audiences without ours": signed(aud=["a", "b"]),
    "expired": signed(exp=int(time.time()) - 60),
    "no expiry": signed(exp=None),
    "no subject": signed(sub=None),
    "another nonce": signed(nonce="m"),
    "no nonce": signed(nonce=None),
    "from the future": signed(iat=int(time.time()) + 600),
    "not yet": signed(nbf=int(time.time()) + 600),
    "text": "token",
    "empty": "",
    "bytes": b"x",
    "nothing": None,
    "a list": ["x"],
}


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED)
def test_a_forged_token_is_refused(token: object) -> None:
    """CVE-2026-28802, CVE-2026-27962, CVE-2025-59420, CVE-2025-61920: keys and algorithms are ours to choose alone."""
    with pytest.raises(SignInFailed):
        check(token)


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
