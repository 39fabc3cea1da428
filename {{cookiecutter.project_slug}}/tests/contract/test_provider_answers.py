"""What the identity provider's configuration and key set may say, and which keys verify a signature (acc-identity)."""

import asyncio
import json
import ssl
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx2
import pytest
from joserfc import jwk

from chatbot.config.settings import IdentitySettings
from chatbot.core.errors import Unavailable
from chatbot.core.principal import Role
from chatbot.identity.openid import Attempt, OpenIdProvider
from chatbot.identity.tokens import issuer as module
from chatbot.identity.tokens.issuer import Issuer
from tests.conftest import free_port
from tests.doubles.provider import ScriptedProvider, send

PRIVATE = jwk.generate_key("EC", "P-256").as_dict(private=True)
EC = jwk.import_key(PRIVATE).as_dict(private=False)
OTHER = jwk.generate_key("EC", "P-256").as_dict(private=False)
RSA = jwk.generate_key("RSA", 2048).as_dict(private=False)
ED25519 = jwk.generate_key("OKP", "Ed25519").as_dict(private=False)


@pytest.fixture
def provider() -> Iterator[ScriptedProvider]:
    made = ScriptedProvider()
    made.keys = [named(EC, "good")]
    yield made
    made.close()


def named(key: dict[str, Any], name: Any, **more: Any) -> dict[str, Any]:
    return key | {"kid": name} | more


def settings(address: str) -> IdentitySettings:
    return IdentitySettings(issuer=address, client_id="chatbot", groups={"g": ("acme", Role.MEMBER)})


def issuer_at(address: str) -> Issuer:
    return Issuer(settings(address), "s" * 16)


def sign_in(address: str) -> Any:
    """Complete a sign-in whose authorisation code nobody knows."""
    provider = OpenIdProvider(settings(address), "s" * 16, "https://chat.acme.net/auth/callback", issuer_at(address))
    attempt = Attempt("s", "n", "v", again=False, begun=0, target="/")
    return asyncio.run(provider.complete(attempt, {"state": "s", "code": "c"}))


def find(provider: ScriptedProvider, name: str | None = "good") -> Any:
    return asyncio.run(issuer_at(provider.issuer).key(name))


@pytest.mark.parametrize(
    "key", [EC, EC | {"use": "sig"}, RSA, ED25519], ids=["EC", "EC for signatures", "RSA of 2048 bits", "Ed25519"]
)
def test_each_kind_of_public_key_is_found(provider: ScriptedProvider, key: dict[str, Any]) -> None:
    provider.keys = [named(key, "k")]
    assert find(provider, "k") is not None


def test_the_only_key_may_have_no_name(provider: ScriptedProvider) -> None:
    provider.keys = [{member: value for member, value in EC.items() if member != "kid"}]
    assert find(provider, None) is not None


@pytest.mark.parametrize(
    "entry",
    [
        named(EC, "k", crv="P-384"),  # the point is not on the curve: ValueError
        named(EC, "k", kty=[]),  # TypeError
        named(EC, "k", crv="brainpoolP256r1"),  # a curve that joserfc does not know: KeyError
        named(ED25519, "k", crv="P-256"),
        named(EC, "k", kty="AKP", alg="ML-DSA-44"),  # a kind of key that joserfc does not know: JoseError
    ],
    ids=["point", "kind that is a list", "curve", "curve of another kind", "kind"],
)
def test_a_key_that_cannot_be_read_leaves_the_others_usable(provider: ScriptedProvider, entry: dict[str, Any]) -> None:
    provider.keys = [entry, named(EC, "good")]
    assert find(provider) is not None
    assert find(provider, "k") is None


@pytest.mark.parametrize("keys", [None, {}, {"good": EC}, "keys", 1, True, []], ids=range(7))
def test_a_key_set_of_another_form_has_no_keys(provider: ScriptedProvider, keys: Any) -> None:
    provider.keys = keys
    assert find(provider) is None


def test_of_two_keys_with_one_name_the_first_is_used(provider: ScriptedProvider) -> None:
    provider.keys = [named(EC, "good"), named(OTHER, "good")]
    assert find(provider).as_dict(private=False)["x"] == EC["x"]


def test_the_first_32_entries_of_a_key_set_are_read(provider: ScriptedProvider) -> None:
    provider.keys = [named(EC, f"k{place}") for place in range(1, 34)]
    assert find(provider, "k32") is not None
    assert find(provider, "k33") is None


@pytest.mark.parametrize(("size", "fits"), [(256 * 1024, True), (256 * 1024 + 1, False)])
def test_a_key_set_may_have_256_kib(provider: ScriptedProvider, size: int, fits: bool) -> None:
    document = json.dumps({"keys": provider.keys}).encode().ljust(size)

    def behave(handler: BaseHTTPRequestHandler) -> None:
        send(handler, document) if handler.path == "/jwks" else provider.answer(handler)

    provider.behave = behave
    if fits:
        assert find(provider) is not None
    else:
        with pytest.raises(Unavailable):
            find(provider)


@pytest.mark.parametrize("other", [None, "", "https://evil.example", ["x"], "/"])
def test_the_keys_of_another_issuer_are_not_asked_for(provider: ScriptedProvider, other: Any) -> None:
    """OpenID Connect Discovery 1.0, section 4.3: a configuration of another issuer is rejected."""
    provider.more = {"issuer": provider.issuer + other if other == "/" else other}
    with pytest.raises(Unavailable, match="another issuer"):
        find(provider)
    assert not provider.asked["/jwks"]


# nobody can be asked there; a socket refuses a port above 65535 with an error of its own
UNUSABLE = ["", "path", "http://[", "http://127.0.0.1:port", "http://127.0.0.1:65536", "http://127.0.0.1:-1"]


@pytest.mark.parametrize("address", [None, 1, ["x"], *UNUSABLE], ids=str)
def test_a_key_set_at_an_unusable_address_is_unavailable(provider: ScriptedProvider, address: Any) -> None:
    provider.more = {"jwks_uri": address}
    with pytest.raises(Unavailable):
        find(provider)


@pytest.mark.parametrize("address", UNUSABLE, ids=str)
def test_a_sign_in_at_an_unusable_address_is_unavailable(provider: ScriptedProvider, address: str) -> None:
    provider.more = {"authorization_endpoint": f"{provider.issuer}/authorize", "token_endpoint": address}
    with pytest.raises(Unavailable):
        sign_in(provider.issuer)
    assert provider.asked.total() == 1


@pytest.mark.parametrize("document", [b"", b"x", b"[]", b"[" * 100_000, b'{"a":' * 100_000], ids=range(5))
def test_a_configuration_that_cannot_be_read_is_unavailable(provider: ScriptedProvider, document: bytes) -> None:
    provider.behave = lambda handler: send(handler, document)
    for ask in (lambda: find(provider), lambda: sign_in(provider.issuer)):
        with pytest.raises(Unavailable):
            ask()


@pytest.mark.parametrize(("scheme", "cause"), [("http", "safe address"), ("https", "does not answer")])
def test_an_issuer_behind_tls_is_asked_over_tls(provider: ScriptedProvider, scheme: str, cause: str) -> None:
    """CVE-2024-37032: an open address is refused; at the other one nobody speaks TLS here."""
    issuer = issuer_at("https://sso.acme.net")
    issuer._metadata = {"introspection_endpoint": f"{scheme}{provider.issuer.removeprefix('http')}/introspect"}
    with pytest.raises(Unavailable, match=cause):
        asyncio.run(issuer.introspect("x"))
    assert not provider.asked


def test_an_answer_that_drips_is_not_waited_for(provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each piece comes in time; all of them together do not."""
    monkeypatch.setattr(module, "_TIMEOUT_SECONDS", 0.5)

    def drip(handler: BaseHTTPRequestHandler) -> None:
        document = json.dumps({"issuer": provider.issuer, "jwks_uri": f"{provider.issuer}/jwks"}).encode()
        handler.send_response(200)
        handler.send_header("content-length", str(len(document) + 12))
        handler.end_headers()
        for piece in [b" "] * 12 + [document]:
            try:
                handler.wfile.write(piece)
            except OSError:
                return
            time.sleep(0.1)

    provider.behave = lambda handler: drip(handler) if handler.path != "/jwks" else provider.answer(handler)
    with pytest.raises(Unavailable):
        find(provider)


def test_a_proxy_of_the_environment_is_not_asked(provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    assert find(provider) is not None


def test_trusted_certificates_are_read_once_however_many_sign_in(
    provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    module.trusted_certificates.cache_clear()
    read, really = [0], httpx2.create_ssl_context

    def count(verify: Any = True, **given: Any) -> Any:
        read[0] += verify is True  # else they were read before
        return really(verify, **given)

    for library in (httpx2, httpx2._client, httpx2._transports.default):
        monkeypatch.setattr(library, "create_ssl_context", count, raising=False)
    provider.more = {"authorization_endpoint": f"{provider.issuer}/authorize", "token_endpoint": f"{provider.issuer}/t"}
    for _ in range(3):
        assert find(provider) is not None
        people = OpenIdProvider(settings(provider.issuer), "s" * 16, "https://a/b", issuer_at(provider.issuer))
        asyncio.run(people.begin())
    assert read == [1], "it takes 40 ms, in which nobody is served"
    made = module.trusted_certificates()
    assert (made.verify_mode, made.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert made.minimum_version >= ssl.TLSVersion.TLSv1_2


WEAK = jwk.generate_key("RSA", 2048, parameters={"kid": "weak"}).as_dict(private=False)


@pytest.mark.parametrize(
    "entry",
    [
        {"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0", "kid": "x"},
        PRIVATE | {"kid": "x"},
        named(EC, "good") | {"kid": "x", "use": "enc"},
        WEAK | {"kid": "x", "n": "u" * 171},
        {"kty": "EC", "kid": "x"}, {"kid": "x"}, "x", None, 1, [], named(EC, "good") | {"kid": 1},
    ],
    ids=range(11),
)  # fmt: skip
def test_what_is_no_public_key_for_signatures_is_left_out(provider: ScriptedProvider, entry: Any) -> None:
    provider.keys = [entry, named(EC, "good")]
    assert find(provider, "x") is None
    assert find(provider) is not None


@pytest.mark.parametrize(
    "answer",
    [b"", b"[]", b"x", b'{"issuer": "https://evil.example", "jwks_uri": "x"}', b"{}", b'{"keys": []' + b" " * 300_000 + b"}",
     b"[" * 100_000],
    ids=range(7),
)  # fmt: skip
def test_a_bad_answer_is_no_answer(provider: ScriptedProvider, answer: bytes) -> None:
    provider.behave = lambda handler: send(handler, answer)
    with pytest.raises(Unavailable):
        find(provider)


def test_an_issuer_behind_tls_sends_nobody_to_an_open_line(provider: ScriptedProvider) -> None:
    """CVE-2024-37032: the application's secret goes nowhere because a document says so."""
    changed = settings(provider.issuer).model_copy(update={"issuer": "https://sso.acme.net"})
    made = Issuer(changed, "s" * 16)
    made._metadata = {"introspection_endpoint": f"{provider.issuer}/introspect"}
    with pytest.raises(Unavailable):
        asyncio.run(made.introspect("x"))
    assert not provider.asked


def test_a_redirect_is_not_followed(provider: ScriptedProvider) -> None:
    def elsewhere(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("location", f"{provider.issuer}/elsewhere")
        handler.send_header("content-length", "0")
        handler.end_headers()

    provider.behave = elsewhere
    with pytest.raises(Unavailable):
        find(provider)
    assert "/elsewhere" not in provider.asked
