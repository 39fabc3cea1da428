"""A service with a client of its own at the identity provider: real tokens, real requests."""

from contextlib import AbstractContextManager
from typing import Any

import httpx2

from development.stack import Stack


class ServiceClient:
    """Asks the provider for a token, and the application with it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._basic = httpx2.BasicAuth("reports", stack.secrets["identity_service_secret"])
        self._client = httpx2.Client(timeout=30, trust_env=False)

    def close(self) -> None:
        self._client.close()

    def ask_provider(self, path: str, **form: str) -> httpx2.Response:
        return self._client.post(f"{self.stack.issuer}{path}", data=form, auth=self._basic)

    def token(self, scope: str = "", **more: str) -> str:
        answer = self.ask_provider("/token", grant_type="client_credentials", scope=scope, **more)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def revoke(self, token: str) -> None:
        assert self.ask_provider("/revoke", token=token).status_code == 200

    def send(self, token: str, method: str, path: str, **options: Any) -> httpx2.Response:
        headers = {"authorization": f"Bearer {token}"} | options.pop("headers", {})
        return self._client.request(method, f"{self.stack.url}{path}", headers=headers, **options)

    def stream(self, token: str, method: str, path: str, **options: Any) -> AbstractContextManager[httpx2.Response]:
        headers = {"authorization": f"Bearer {token}"}
        return self._client.stream(method, f"{self.stack.url}{path}", headers=headers, **options)
