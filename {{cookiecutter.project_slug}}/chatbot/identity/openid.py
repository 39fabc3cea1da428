"""Sign-in by OpenID Connect: code flow with PKCE, state and nonce (control acc-identity).

Stops: a stolen or injected code (RFC 7636), login forgery (state bound to the browser), replayed ID tokens
(nonce), mix-up of providers (RFC 9207), forged tokens (fixed algorithms, keys from the issuer only).
Fails closed: whatever does not fit ends the attempt, which can be used once.
"""

import asyncio
import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import orjson
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from httpx2 import HTTPError
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from chatbot.config.settings import IdentitySettings
from chatbot.core.errors import Problem, Unavailable

_ALGORITHMS = ["ES256", "RS256", "PS256", "EdDSA"]
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_LONGEST_TOKEN = 8 * 1024
_LEEWAY_SECONDS = 30
_KEYS_FRESH_SECONDS = 30
_TIMEOUT_SECONDS = 5.0
_LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_LOGOUT_SECONDS = 300


class SignInFailed(Problem):
    """The identity provider's answer does not fit the attempt that this browser began."""

    status = 400
    title = "The sign-in could not be completed"

    def __init__(self, why: str) -> None:
        super().__init__("Go back to the sign-in page and start again.")
        self.why = why  # for the log


@dataclass(frozen=True, slots=True)
class Attempt:
    """What must be remembered between leaving for the provider and coming back.

    `again`: the person is to prove anew who they are. `begun` is when, in seconds since 1970; `target` is the page to
    open afterwards.
    """

    state: str
    nonce: str
    verifier: str
    again: bool
    begun: int
    target: str

    def dump(self) -> bytes:
        """Return the attempt as JSON."""
        return orjson.dumps(asdict(self))

    @classmethod
    def load(cls, data: bytes) -> "Attempt":
        """Return the attempt that `dump` wrote."""
        return cls(**orjson.loads(data))


class OpenIdProvider:
    """The configured provider: its addresses and keys come from discovery at the issuer alone."""

    def __init__(self, settings: IdentitySettings, client_secret: str, redirect_uri: str) -> None:
        self._settings = settings
        self._client_secret = client_secret
        self._redirect_uri = redirect_uri
        self._metadata: dict[str, Any] | None = None
        self._keys: KeySet | None = None
        self._keys_at = 0.0
        self._lock = asyncio.Lock()

    async def begin(self, target: str = "/", *, again: bool = False) -> tuple[str, Attempt]:
        """Return the address to send the browser to, and the attempt to remember for it.

        `again` has the provider ask the person once more, whatever session it has with them (OpenID Connect Core 1.0,
        section 3.1.2.1).
        """
        metadata = await self._discover()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        attempt = Attempt(state, nonce, verifier, again, int(time.time()), target)
        wanted = {"max_age": 0, "prompt": "login"} if again else {"max_age": self._settings.absolute_seconds}
        async with self._client() as client:
            address, _ = client.create_authorization_url(
                metadata["authorization_endpoint"],
                state=attempt.state,
                nonce=attempt.nonce,
                code_verifier=attempt.verifier,
                **wanted,
            )
        return address, attempt

    async def complete(self, attempt: Attempt, answer: Mapping[str, str]) -> dict[str, Any]:
        """Return the verified ID token claims for the provider's answer. Raises `SignInFailed`."""
        metadata = await self._discover()
        if not hmac.compare_digest(answer.get("state", "").encode(), attempt.state.encode()):
            raise SignInFailed("state")
        # RFC 9207: an answer of another provider is refused before its code goes anywhere
        announced = metadata.get("authorization_response_iss_parameter_supported") is True
        if (announced or "iss" in answer) and answer.get("iss") != self._settings.issuer:
            raise SignInFailed("issuer of the answer")
        if "error" in answer or not answer.get("code"):
            raise SignInFailed("the provider refused")
        try:
            async with self._client() as client:
                token = await client.fetch_token(
                    metadata["token_endpoint"], code=answer["code"], code_verifier=attempt.verifier
                )
        except OAuthError as error:
            raise SignInFailed("code") from error
        except (HTTPError, ValueError) as error:
            raise Unavailable("The identity provider does not answer. Try again in a moment.") from error
        claims = await self._verify(token.get("id_token"), nonce={"essential": True, "value": attempt.nonce})
        _check_moment(claims.get("auth_time"), attempt, self._settings.absolute_seconds)
        return claims

    async def read_logout(self, token: str) -> dict[str, Any]:
        """Return the verified claims of a logout token (OpenID Connect Back-Channel Logout 1.0, section 2.6).

        Raises `SignInFailed`; whether it was used before is for the caller to know, by its `jti`.
        """
        claims = await self._verify(token, jti={"essential": True}, sub={"essential": False})
        events = claims.get("events")
        if "nonce" in claims or not isinstance(events, dict) or not isinstance(events.get(_LOGOUT_EVENT), dict):
            raise SignInFailed("no logout token")
        if not (claims.get("sub") or claims.get("sid")) or claims["iat"] < time.time() - _LOGOUT_SECONDS:
            raise SignInFailed("logout token of nobody, or too old")
        return claims

    async def _verify(self, token: object, **rules: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(token, str) or len(token) > _LONGEST_TOKEN:
            raise SignInFailed("ID token missing or too long")
        wanted: dict[str, Any] = {
            "iss": {"essential": True, "value": self._settings.issuer},
            "aud": {"essential": True, "value": self._settings.client_id},
            "sub": {"essential": True},
            "exp": {"essential": True},
            "iat": {"essential": True},
        }
        claims_rules = jwt.JWTClaimsRegistry(leeway=_LEEWAY_SECONDS, **(wanted | rules))
        try:
            try:
                decoded = jwt.decode(token, await self._key_set(), algorithms=_ALGORITHMS)
            except JoseError:
                # a key may have been rotated since; asked for at most twice a minute
                decoded = jwt.decode(token, await self._key_set(renew=True), algorithms=_ALGORITHMS)
            claims_rules.validate(decoded.claims)
        except (JoseError, ValueError) as error:
            raise SignInFailed(f"ID token: {type(error).__name__}") from error
        return dict(decoded.claims)

    async def _discover(self) -> dict[str, Any]:
        async with self._lock:
            if self._metadata is None:
                metadata = await self._get(f"{self._settings.issuer}/.well-known/openid-configuration")
                # OpenID Connect Discovery 1.0, section 4.3
                if metadata.get("issuer") != self._settings.issuer:
                    raise Unavailable("The identity provider's configuration names another issuer.")
                if not all(isinstance(metadata.get(name), str) for name in _ENDPOINTS):
                    raise Unavailable("The identity provider's configuration lacks an address.")
                self._metadata = metadata
            return self._metadata

    async def _key_set(self, *, renew: bool = False) -> KeySet:
        metadata = await self._discover()
        async with self._lock:
            old = time.monotonic() - self._keys_at > _KEYS_FRESH_SECONDS
            if self._keys is None or (renew and old):
                # joserfc wants a typed dictionary; it checks the content itself
                self._keys = KeySet.import_key_set(await self._get(metadata["jwks_uri"]))  # type: ignore[arg-type]
                self._keys_at = time.monotonic()
            return self._keys

    async def _get(self, address: str) -> dict[str, Any]:
        try:
            async with self._client() as client:
                response = await client.request("GET", address, withhold_token=True)
            response.raise_for_status()
            document = response.json()
        except (HTTPError, ValueError) as error:
            raise Unavailable("The identity provider does not answer. Try again in a moment.") from error
        if not isinstance(document, dict):
            raise Unavailable("The identity provider's answer is not in the expected form.")
        return document

    def _client(self) -> AsyncOAuth2Client:
        return AsyncOAuth2Client(
            client_id=self._settings.client_id,
            client_secret=self._client_secret,
            scope="openid profile",
            redirect_uri=self._redirect_uri,
            code_challenge_method="S256",
            timeout=_TIMEOUT_SECONDS,
            follow_redirects=False,
            trust_env=False,
        )


def _check_moment(authenticated: object, attempt: Attempt, most_seconds: int) -> None:
    """Hold the time of the person's proof against what was asked of the provider. Raises `SignInFailed`."""
    if type(authenticated) is not int:
        raise SignInFailed("no time of authentication")  # it must be there, since an age was asked for
    oldest = attempt.begun if attempt.again else attempt.begun - most_seconds
    if not oldest - _LEEWAY_SECONDS <= authenticated <= time.time() + _LEEWAY_SECONDS:
        raise SignInFailed("authenticated too long ago")
