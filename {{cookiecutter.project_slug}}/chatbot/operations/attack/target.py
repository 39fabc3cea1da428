"""The one host that an attack run may touch, and how it is spoken to.

Whoever runs this must own the target. A host that is not this machine has to be named twice and confirmed;
redirects and links that lead elsewhere are never followed; requests are counted and bounded.
"""

import ipaddress
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx2

_MOST_REQUESTS = 600
_MOST_BYTES = 1024 * 1024
_SECONDS = 10.0
_MOST_SECONDS = 20.0  # for a whole reply, however slowly it drips
Header = tuple[str, str]


class NotPermitted(Exception):
    """The target may not be attacked. The text says why, and what would change that."""


class Unreachable(Exception):
    """The target does not answer."""


@dataclass(frozen=True)
class Reply:
    """What came back: the body is cut at a megabyte."""

    status: int
    headers: tuple[Header, ...]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text, whatever it is."""
        return self.body.decode("utf-8", "replace")

    @property
    def is_page(self) -> bool:
        """Whether a browser would show this as a page."""
        return self.header("content-type").lower().startswith(("text/html", "application/xhtml", "image/svg"))

    def header(self, name: str) -> str:
        """Return all values of a header, joined; empty when there is none."""
        return ", ".join(value for key, value in self.headers if key.lower() == name)

    def all(self, name: str) -> list[str]:
        """Return the values of a header that may come often."""
        return [value for key, value in self.headers if key.lower() == name]


def check_permission(url: str, owned: Sequence[str], *, confirm: Callable[[str], bool]) -> None:
    """Raise `NotPermitted` unless the host is this machine, or named as owned and confirmed."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise NotPermitted("Give an address like http://127.0.0.1:8000, without credentials in it.")
    host = parts.hostname
    if not host.isascii():
        raise NotPermitted("Write the host's name in ASCII (xn--…): what looks alike may be another's.")
    if _is_this_machine(host):
        return
    if host not in owned:
        raise NotPermitted(f"{host} is not this machine. If you own it and may attack it, name it: --i-own {host}")
    if not confirm(host):
        raise NotPermitted(f"The attack on {host} was not confirmed.")


def _is_this_machine(host: str) -> bool:
    """Judge by what is written: a name that resolves to this machine now could resolve elsewhere a moment later."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Target:
    """Sends requests to one origin. Raises `Unreachable` when nothing answers."""

    def __init__(self, url: str, key: str = "") -> None:
        parts = urlsplit(url)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.base = parts.path.rstrip("/").removesuffix("/v1")
        self.key = key
        self.sent = 0
        self.is_https = parts.scheme == "https"
        self.host = parts.hostname or ""
        self.model = "any"
        # nothing compressed comes back: what is looked for would not be seen in it
        plain = {"accept-encoding": "identity"}
        self._client = httpx2.Client(
            base_url=self.origin, timeout=_SECONDS, trust_env=False, follow_redirects=False, headers=plain
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def send(self, method: str, path: str, headers: Sequence[Header] = (), body: bytes = b"") -> Reply:
        """Send one request whose path goes out exactly as it is written."""
        self.sent += 1
        if self.sent > _MOST_REQUESTS:
            raise Unreachable(f"more than {_MOST_REQUESTS} requests would be needed")
        self._client.cookies.clear()  # each request is a stranger's first
        end = time.monotonic() + _MOST_SECONDS
        asked = self._client.build_request(method, "/", headers=list(headers), content=body)
        asked.url = asked.url.copy_with(raw_path=(self.base + path).encode("latin-1", "replace"))
        try:
            response = self._client.send(asked, stream=True)
            try:
                content = b""
                for piece in response.iter_bytes():
                    content += piece
                    if len(content) > _MOST_BYTES or time.monotonic() > end:
                        break
            finally:
                response.close()
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            raise Unreachable(f"{method} {path.partition('?')[0][:60]}: {type(error).__name__}") from None
        return Reply(response.status_code, tuple(response.headers.multi_items()), content[:_MOST_BYTES])

    def get(self, path: str, *headers: Header) -> Reply:
        """Send a GET."""
        return self.send("GET", path, headers)

    def complete(self, body: bytes, *headers: Header, path: str = "/v1/chat/completions") -> Reply:
        """Ask the OpenAI-compatible interface, with the key when there is one."""
        own = [("content-type", "application/json"), *([("authorization", f"Bearer {self.key}")] if self.key else [])]
        return self.send("POST", path, [*own, *headers], body)
