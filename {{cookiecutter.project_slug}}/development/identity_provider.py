"""An OpenID Connect provider for development: five demo accounts and a service, loopback only, strict.

It lives at `localhost` while the application lives at 127.0.0.1: two sites, as in production, so that cookie,
form and Fetch Metadata faults show. PKCE with S256, state, nonce and an exact redirect address are mandatory;
codes are single-use and live a minute; ID tokens are signed with ES256. Never part of an image.
"""

import argparse
import base64
import hashlib
import hmac
import html
import json
import secrets
import sys
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import uvicorn
from joserfc import jwk, jwt
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from development.accounts import ACCOUNTS, SERVICES, Account
from development.provider_logout import logout_token, tell_application
from development.provider_style import STYLE, STYLE_DIGEST
from development.service_tokens import ServiceTokens, form_fields, read_basic

_ATTEMPT_SECONDS, _CODE_SECONDS, _TOKEN_SECONDS, _MOST_WRONG = 300, 60, 600, 10


@dataclass(frozen=True, slots=True)
class Client:
    """The one registered application."""

    identifier: str
    secret: str
    redirect_uri: str

    @property
    def origin(self) -> str:
        """The application's address."""
        return "{0.scheme}://{0.netloc}".format(urlsplit(self.redirect_uri))


class Provider:
    """The provider's state: everything is in memory and short-lived."""

    def __init__(self, issuer: str, client: Client, passwords: dict[str, str], services: dict[str, str]) -> None:
        if urlsplit(issuer).hostname not in ("localhost", "127.0.0.1"):
            raise ValueError("the development identity provider is for loopback only")
        self.issuer, self.client, self.passwords = issuer, client, passwords
        parameters: Any = {"use": "sig", "alg": "ES256", "kid": secrets.token_hex(8)}
        self.key = jwk.generate_key("EC", "P-256", parameters=parameters)
        self.services = ServiceTokens(issuer, client.origin, self.key)
        self.secrets = {client.identifier: client.secret, **services}
        self.attempts: dict[str, tuple[float, dict[str, str]]] = {}
        self.codes: dict[str, tuple[float, dict[str, str], Account]] = {}
        self.wrong: dict[str, int] = {}
        self.sessions: dict[str, str] = {}

    def routes(self) -> list[Route]:
        """Return the provider's routes."""
        return [
            Route("/.well-known/openid-configuration", self.configuration),
            Route("/jwks", self.jwks),
            Route("/authorize", self.authorize),
            Route("/authorize", self.sign_in, methods=["POST"]),
            Route("/token", self.token, methods=["POST"]),
            Route("/introspect", self.introspect, methods=["POST"]),
            Route("/revoke", self.revoke, methods=["POST"]),
            Route("/end", self.end, methods=["POST"]),
        ]

    async def configuration(self, request: Request) -> Response:
        """OpenID Connect Discovery 1.0."""
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/jwks",
                "introspection_endpoint": f"{self.issuer}/introspect",
                "revocation_endpoint": f"{self.issuer}/revoke",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256"],
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
                "backchannel_logout_supported": True,
                "backchannel_logout_session_supported": True,
                "scopes_supported": ["openid", "profile"],
                "authorization_response_iss_parameter_supported": True,
            }
        )

    async def jwks(self, request: Request) -> Response:
        """Answer with the public key."""
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    async def authorize(self, request: Request) -> Response:
        """Check the request and show the sign-in form. What is wrong is never answered with a redirect."""
        query = dict(request.query_params)
        if query.get("client_id") != self.client.identifier or query.get("redirect_uri") != self.client.redirect_uri:
            return self._page("<h1>Unknown application or address</h1>", 400)
        challenge = query.get("code_challenge", "")
        strict = query.get("code_challenge_method") == "S256" and len(challenge) == 43
        if query.get("response_type") != "code" or not strict or not query.get("state") or not query.get("nonce"):
            return self._page("<h1>Code flow with PKCE (S256), state and nonce is required</h1>", 400)
        return self._form(query)

    async def sign_in(self, request: Request) -> Response:
        """Check name and password, and send the browser back with a code."""
        form = await form_fields(request)
        until, query = self.attempts.pop(form.get("attempt", ""), (0.0, {}))
        if time.time() > until:
            return self._page(
                "<h1>This sign-in has expired</h1><p>Go back to the application and start again.</p>", 400
            )
        name = form.get("name", "").strip().lower()
        account = next((account for account in ACCOUNTS if account.name == name), None)
        right = self.passwords[account.name] if account else secrets.token_urlsafe(9)
        fits = hmac.compare_digest(form.get("password", "").encode(), right.encode())
        if not fits or account is None or self.wrong.get(name, 0) >= _MOST_WRONG:
            self.wrong[name] = self.wrong.get(name, 0) + 1
            return self._form(query, "Name and password do not fit.", 401)
        self.wrong.pop(name, None)
        code = secrets.token_urlsafe(32)
        self.codes[code] = (time.time() + _CODE_SECONDS, query, account)
        back = urlencode({"code": code, "state": query["state"], "iss": self.issuer})
        return RedirectResponse(f"{self.client.redirect_uri}?{back}", 303, headers=self._headers())

    async def token(self, request: Request) -> Response:
        """Exchange a code, once, for an ID token; give a service its access token."""
        form, asking = await form_fields(request), self._client_of(request)
        if asking in SERVICES and form.get("grant_type") == "client_credentials":
            answer = self.services.issue(asking, form)
            return JSONResponse(answer, 400 if "error" in answer else 200, headers={"cache-control": "no-store"})
        if asking != self.client.identifier:
            return JSONResponse({"error": "invalid_client"}, 401)
        until, query, account = self.codes.pop(form.get("code", ""), (0.0, {}, None))
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        fits = account is not None and hmac.compare_digest(challenge, query["code_challenge"])
        if time.time() > until or not fits or form.get("redirect_uri") != query.get("redirect_uri"):
            return JSONResponse({"error": "invalid_grant"}, 400)
        assert account is not None
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": self.client.identifier,
            "sub": account.name,
            "name": account.full_name,
            "groups": [account.group],
            "nonce": query["nonce"],
            "iat": now,
            "exp": now + _TOKEN_SECONDS,
            "auth_time": now,
            "sid": self._session_of(account),
        }
        header = {"alg": "ES256", "kid": self.key.kid, "typ": "JWT"}
        answer = {
            "token_type": "Bearer",
            "expires_in": _TOKEN_SECONDS,
            "access_token": secrets.token_urlsafe(32),
            "id_token": jwt.encode(header, claims, self.key),
        }
        return JSONResponse(answer, headers={"cache-control": "no-store"})

    async def introspect(self, request: Request) -> Response:
        """Tell the application whether a token still holds."""
        if self._client_of(request) != self.client.identifier:
            return JSONResponse({"error": "invalid_client"}, 401)
        return JSONResponse(self.services.introspect((await form_fields(request)).get("token", "")))

    async def revoke(self, request: Request) -> Response:
        """Take a service's own token back."""
        asking = self._client_of(request)
        if asking not in SERVICES:
            return JSONResponse({"error": "invalid_client"}, 401)
        self.services.revoke((await form_fields(request)).get("token", ""), asking)
        return Response(status_code=200)

    async def end(self, request: Request) -> Response:
        """End a person's session and tell the application; whoever knows their password can ask for it."""
        form = await form_fields(request)
        name = form.get("name", "")
        right = self.passwords.get(name, secrets.token_urlsafe(9))
        if not hmac.compare_digest(form.get("password", "").encode(), right.encode()):
            return JSONResponse({"error": "access_denied"}, 401)
        ended = {"sid": self.sessions.pop(name, "")} if form.get("session") == "this" else {}
        token = logout_token(self.key, self.issuer, self.client.identifier, sub=name, **ended)
        told = 0 if form.get("tell") == "no" else await tell_application(self.client.redirect_uri, token)
        return JSONResponse({"told": told, "logout_token": token})

    def _session_of(self, account: Account) -> str:
        return self.sessions.setdefault(account.name, secrets.token_urlsafe(16))

    def _client_of(self, request: Request) -> str | None:
        return read_basic(request.headers.get("authorization", ""), self.secrets)

    def _form(self, query: dict[str, str], problem: str = "", status: int = 200) -> Response:
        attempt = secrets.token_urlsafe(24)
        now = time.time()
        self.attempts = {key: value for key, value in self.attempts.items() if value[0] > now}
        self.attempts[attempt] = (now + _ATTEMPT_SECONDS, query)
        alert = f'<p role="alert">{html.escape(problem)}</p>' if problem else ""
        return self._page(
            "<h1>Sign in</h1><p>Development identity provider. The accounts and their passwords are shown where the"
            f" project was started.</p>{alert}"
            f'<form method="post" action="/authorize"><input type="hidden" name="attempt" value="{attempt}">'
            '<label for="name">Name</label><input id="name" name="name" autocomplete="username" autofocus required>'
            '<label for="password">Password</label><input id="password" name="password" type="password"'
            ' autocomplete="current-password" required><button>Sign in</button></form>',
            status,
        )

    def _page(self, content: str, status: int) -> Response:
        head = (
            '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        )
        page = f"{head}<title>Sign in</title><style>{STYLE}</style><main>{content}</main></html>"
        return HTMLResponse(page, status, headers=self._headers())

    def _headers(self) -> dict[str, str]:
        policy = (
            f"default-src 'none'; style-src 'sha256-{STYLE_DIGEST}'; form-action 'self' {self.client.origin};"
            " base-uri 'none'; frame-ancestors 'none'"
        )
        return {"content-security-policy": policy, "cache-control": "no-store", "referrer-policy": "no-referrer"}


def main() -> None:
    """Serve; the clients' secrets and the passwords come as JSON on standard input."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--redirect-uri", required=True)
    chosen = parser.parse_args()
    given = json.load(sys.stdin)
    client = Client("chatbot", given["client_secret"], chosen.redirect_uri)
    provider = Provider(f"http://localhost:{chosen.port}", client, given["passwords"], given["services"])
    uvicorn.run(
        Starlette(routes=provider.routes()),
        host="127.0.0.1",
        port=chosen.port,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
    )


if __name__ == "__main__":
    main()
