"""The issuer of access tokens: its keys and its word on a token, over bounded requests (part of control acc-identity).

Addresses come from discovery at the configured issuer alone, keys from its key set alone. A key that nobody knows makes
it asked again at most twice a minute, however many tokens name one, and a key that it withdrew is forgotten after five
minutes. Fails closed: `Unavailable` when the issuer does not answer and what is known is too old.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from functools import cache
from ssl import SSLContext
from typing import Any

import httpx2
import orjson
from joserfc import jwk
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from chatbot.config.settings import IdentitySettings
from chatbot.core.errors import Unavailable

_FRESH_SECONDS = 300
_UNKNOWN_SECONDS = 30  # between two questions for a key that is not there
_AGAIN_SECONDS = 3  # between two questions to an issuer that did not answer
_TIMEOUT_SECONDS = 4.0
_MOST_BYTES = 256 * 1024
_MOST_KEYS = 32
_SMALLEST_RSA = 2048  # RFC 7518, section 3.3
# what a look-up raises without a usable answer: no connection, an invalid address (a port above 65535 comes as a
# group), too slow, not JSON or too deep
NO_ANSWER = (httpx2.HTTPError, httpx2.InvalidURL, ExceptionGroup, TimeoutError, ValueError, RecursionError)


class Issuer:
    """Asks the issuer. `clock` counts seconds."""

    def __init__(
        self, settings: IdentitySettings, client_secret: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._issuer = settings.issuer
        self._basic = httpx2.BasicAuth(settings.client_id, client_secret)
        self._clock = clock
        self._metadata: dict[str, Any] = {}
        self._keys: dict[str, Key] = {}
        self._fetched = self._tried = self._searched = -float("inf")
        self._silent = -float("inf")
        self._lock = asyncio.Lock()

    async def key(self, name: str | None) -> Key | None:
        """Return the key called `name`, or the only one for a token that names none. None: the issuer has no such key.

        Raises `Unavailable`.
        """
        found = self._known(name)
        if found is None:
            async with self._lock:  # whoever waited here finds what the one before fetched
                found = self._known(name)
                if found is None and self._may_ask():
                    await self._renew()
                    found = self._known(name)
        return found

    async def introspect(self, token: str) -> dict[str, Any]:
        """Return what the issuer says about a token (RFC 7662). Raises `Unavailable`, also if it cannot be asked."""
        if self._clock() - self._silent < _AGAIN_SECONDS:
            raise _down()
        try:
            form = {"token": token, "token_type_hint": "access_token"}
            return await self._ask(self._address("introspection_endpoint"), form)
        except Unavailable:
            self._silent = self._clock()
            raise

    def _known(self, name: str | None) -> Key | None:
        if self._is_old():
            return None
        if name is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(name)

    def _is_old(self) -> bool:
        return self._clock() - self._fetched > _FRESH_SECONDS

    def _may_ask(self) -> bool:
        now = self._clock()
        if self._is_old():
            if now - self._tried < _AGAIN_SECONDS:
                raise _down()
            return True
        if now - self._searched < _UNKNOWN_SECONDS:
            return False
        self._searched = now  # counted even when nobody answers
        return True

    async def _renew(self) -> None:
        self._tried = self._clock()
        metadata = await self._ask(discovery_address(self._issuer))
        # OpenID Connect Discovery 1.0, section 4.3
        if metadata.get("issuer") != self._issuer:
            raise Unavailable("The identity provider's configuration names another issuer.")
        self._metadata = metadata
        self._keys = _usable_keys(await self._ask(self._address("jwks_uri")))
        self._fetched = self._tried

    def _address(self, name: str) -> str:
        address = self._metadata.get(name)
        # a secret and the keys' truth never go over an open line because a document said so
        if not isinstance(address, str) or (self._issuer[:6] == "https:" and address[:6] != "https:"):
            raise Unavailable("The identity provider's configuration lacks a safe address.")
        return address

    async def _ask(self, address: str, form: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return a JSON object; with `form`, posted under the application's own name."""
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS), self._client() as client:
                method, auth = ("GET", None) if form is None else ("POST", self._basic)
                async with client.stream(method, address, data=form, auth=auth) as response:
                    response.raise_for_status()
                    document = orjson.loads(await _read(response))
        except NO_ANSWER as error:
            raise _down() from error
        if not isinstance(document, dict):
            raise Unavailable("The identity provider's answer is not in the expected form.")
        return document

    def _client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            verify=trusted_certificates(), timeout=_TIMEOUT_SECONDS, follow_redirects=False, trust_env=False
        )


@cache
def trusted_certificates() -> SSLContext:
    """Return the TLS context that checks an issuer: made once, since it takes 40 ms, in which nobody is served."""
    return httpx2.create_ssl_context(trust_env=False)


def discovery_address(issuer: str) -> str:
    """Return where an issuer's configuration is; a slash at the end of the issuer is dropped first.

    Source: OpenID Connect Discovery 1.0, section 4.1.
    """
    return f"{issuer.removesuffix('/')}/.well-known/openid-configuration"


def _down() -> Unavailable:
    return Unavailable("The identity provider does not answer. Try again in a moment.")


async def _read(response: httpx2.Response) -> bytes:
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > _MOST_BYTES:
            raise ValueError("too long")
    return bytes(body)


def _usable_keys(document: Mapping[str, Any]) -> dict[str, Key]:
    """Return the public signature keys by their names; whatever else is in the document is left out."""
    listed: Any = document.get("keys")
    found: dict[str, Key] = {}
    for entry in listed[:_MOST_KEYS] if isinstance(listed, list) else []:
        if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
            continue
        name = entry.get("kid", "")
        try:
            key = jwk.import_key(entry)
        except (JoseError, ValueError, TypeError, KeyError):  # KeyError: a curve that joserfc does not know
            continue
        if isinstance(name, str) and _is_fit(key):
            found.setdefault(name, key)
    return found


def _is_fit(key: Key) -> bool:
    """Refuse symmetric keys, with which whoever reads the key set could sign, and weak ones."""
    if not isinstance(key, ECKey | RSAKey | OKPKey) or key.is_private:
        return False
    return not isinstance(key, RSAKey) or key.public_key.key_size >= _SMALLEST_RSA
