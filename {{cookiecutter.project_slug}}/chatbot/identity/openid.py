"""Sign-in by OpenID Connect: code flow with PKCE, state and nonce (control acc-identity).

Stops: a stolen or injected code (RFC 7636), login forgery (state bound to the browser), replayed ID tokens
(nonce), mix-up of providers (RFC 9207), forged tokens (fixed algorithms, keys from the issuer only).
Fails closed: whatever does not fit ends the attempt, which can be used once.
"""

import asyncio
import hmac
import logging
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import orjson
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client

from chatbot.config.settings import IdentitySettings
from chatbot.core.errors import Problem, Unavailable
from chatbot.identity.people import read_groups
from chatbot.identity.tokens.form import NoToken
from chatbot.identity.tokens.issuer import NO_ANSWER, Issuer, discovery_address, trusted_certificates
from chatbot.identity.tokens.signed import LEEWAY_SECONDS, read_claims
from chatbot.monitoring.causes import describe_cause

_log = logging.getLogger(__name__)
Types = tuple[str, ...]
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_ID_TOKEN = ("", "jwt")  # OpenID Connect Core 1.0 leaves the type open; an access token names its own
_LOGOUT_TOKEN = ("", "jwt", "logout+jwt")
_TIMEOUT_SECONDS = 5.0
# what the ID token says of the sign-in itself; UserInfo adds to it and changes none of it
_PROVED = frozenset("iss sub aud exp iat nbf nonce azp auth_time acr amr sid at_hash c_hash".split())
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

    def __init__(self, settings: IdentitySettings, client_secret: str, redirect_uri: str, issuer: Issuer) -> None:
        self._settings = settings
        self._client_secret = client_secret
        self._redirect_uri = redirect_uri
        self._metadata: dict[str, Any] | None = None
        self._issuer = issuer
        self._lock = asyncio.Lock()
        self._first_look: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Look the provider up, so that one that cannot be reached is in the log before anybody signs in."""
        self._first_look = asyncio.ensure_future(self._look_up())

    async def close(self) -> None:
        """Stop looking."""
        if self._first_look is not None:
            self._first_look.cancel()

    async def _look_up(self) -> None:
        for patience in (1, 2, 4, 0):  # seconds: it may be starting as well
            try:
                await self._discover()
            except Unavailable as error:
                if patience:
                    await asyncio.sleep(patience)
                    continue
                _log.error(
                    "The identity provider cannot be used, so nobody can sign in. Check that CHATBOT_IDENTITY__ISSUER"
                    " is its address, and that this process can reach it.",
                    extra={"cause": describe_cause(error), "issuer": self._settings.issuer},
                )
            return

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
        except NO_ANSWER as error:
            raise Unavailable("The identity provider does not answer. Try again in a moment.") from error
        claims = await self._verify(token.get("id_token"), nonce={"essential": True, "value": attempt.nonce})
        _check_moment(claims.get("auth_time"), attempt, self._settings.absolute_seconds)
        if read_groups(claims, self._settings.groups_claim) is None:
            claims = await self._ask_userinfo(metadata, token.get("access_token"), claims["sub"]) | claims
        return claims

    async def _ask_userinfo(self, metadata: dict[str, Any], token: object, subject: str) -> dict[str, Any]:
        """Return the claims that the provider keeps for UserInfo (OpenID Connect Core 1.0, sections 5.3.2 and 5.4).

        None of them takes the place of one that the ID token proves. Raises `SignInFailed`.
        """
        address = metadata.get("userinfo_endpoint")
        if not isinstance(address, str) or not isinstance(token, str):
            return {}
        self._check_address(address)
        found = await self._get(address, token)
        if found.get("sub") != subject:
            raise SignInFailed("userinfo: of another person")
        return {name: value for name, value in found.items() if name not in _PROVED}

    async def read_logout(self, token: str) -> dict[str, Any]:
        """Return the verified claims of a logout token (OpenID Connect Back-Channel Logout 1.0, section 2.6).

        Raises `SignInFailed`; whether it was used before is for the caller to know, by its `jti`.
        """
        claims = await self._verify(token, _LOGOUT_TOKEN, jti={"essential": True}, sub={"essential": False})
        events = claims.get("events")
        if "nonce" in claims or not isinstance(events, dict) or not isinstance(events.get(_LOGOUT_EVENT), dict):
            raise SignInFailed("no logout token")
        if not (claims.get("sub") or claims.get("sid")) or claims["iat"] < time.time() - _LOGOUT_SECONDS:
            raise SignInFailed("logout token of nobody, or too old")
        return claims

    async def _verify(self, token: object, types: Types = _ID_TOKEN, **rules: dict[str, Any]) -> dict[str, Any]:
        wanted: dict[str, Any] = {
            "iss": {"essential": True, "value": self._settings.issuer},
            "aud": {"essential": True, "value": self._settings.client_id},
            "sub": {"essential": True},
            "exp": {"essential": True},
            "iat": {"essential": True},
        }
        try:
            claims = await read_claims(token, types, self._issuer, wanted | rules)
        except NoToken as error:
            raise SignInFailed(f"token: {error}") from error
        _check_party(claims, self._settings.client_id)
        return claims

    async def _discover(self) -> dict[str, Any]:
        async with self._lock:
            if self._metadata is None:
                metadata = await self._get(discovery_address(self._settings.issuer))
                # OpenID Connect Discovery 1.0, section 4.3
                if metadata.get("issuer") != self._settings.issuer:
                    raise Unavailable("The identity provider's configuration names another issuer.")
                if not all(isinstance(metadata.get(name), str) for name in _ENDPOINTS):
                    raise Unavailable("The identity provider's configuration lacks an address.")
                for name in _ENDPOINTS:
                    self._check_address(metadata[name])
                self._metadata = metadata
            return self._metadata

    def _check_address(self, address: str) -> None:
        """Refuse an unencrypted endpoint unless the issuer's own address is unencrypted. Raises `Unavailable`."""
        if self._settings.issuer.startswith("https:") and not address.startswith("https:"):
            raise Unavailable("The identity provider's configuration names an unsafe address.")

    async def _get(self, address: str, token: str | None = None) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        try:
            async with self._client() as client:
                response = await client.request("GET", address, withhold_token=True, headers=headers)
            response.raise_for_status()
            document = response.json()
        except NO_ANSWER as error:
            raise Unavailable("The identity provider does not answer. Try again in a moment.") from error
        if not isinstance(document, dict):
            raise Unavailable("The identity provider's answer is not in the expected form.")
        return document

    def _client(self) -> AsyncOAuth2Client:
        return AsyncOAuth2Client(
            client_id=self._settings.client_id,
            client_secret=self._client_secret,
            scope=" ".join(self._settings.scopes),
            token_endpoint_auth_method=self._settings.client_authentication,
            redirect_uri=self._redirect_uri,
            code_challenge_method="S256",
            verify=trusted_certificates(),
            timeout=_TIMEOUT_SECONDS,
            follow_redirects=False,
            trust_env=False,
        )


def _check_party(claims: Mapping[str, Any], client_id: str) -> None:
    """Hold whom the token was given to against us (OpenID Connect Core 1.0, section 3.1.3.7). Raises `SignInFailed`."""
    several = isinstance(claims.get("aud"), list) and len(claims["aud"]) > 1
    if claims.get("azp", None if several else client_id) != client_id:
        raise SignInFailed("token: given to another application")


def _check_moment(authenticated: object, attempt: Attempt, most_seconds: int) -> None:
    """Hold the time of the person's proof against what was asked of the provider. Raises `SignInFailed`."""
    if type(authenticated) is not int:
        raise SignInFailed("no time of authentication")  # it must be there, since an age was asked for
    oldest = attempt.begun if attempt.again else attempt.begun - most_seconds
    if not oldest - LEEWAY_SECONDS <= authenticated <= time.time() + LEEWAY_SECONDS:
        raise SignInFailed("authenticated too long ago")
