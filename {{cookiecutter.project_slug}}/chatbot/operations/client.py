"""The command line's way to a running chatbot: by its public interface, with an API key from a file.

Fails closed: a key is sent over TLS or to this machine only, and is read only from a file that nobody else can read.
"""

import json
import os
import stat
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

from chatbot.identity.keys import is_key

_SECONDS = 120


class ClientFailed(Exception):
    """The command cannot be carried out. The text says what, why and what next."""


class Busy(ClientFailed):
    """The server asks to come again later."""


_STRANGE = "What answers there does not speak this chatbot's language. Check the address."


class Client:
    """One chatbot, asked with one key. Use as a context manager."""

    def __init__(self, url: str, key_file: Path) -> None:
        key = read_key(key_file)
        self._http = httpx2.Client(
            base_url=check_address(url),
            headers={"authorization": f"Bearer {key}"},
            timeout=_SECONDS,
            follow_redirects=False,
            trust_env=False,
        )

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_error: object) -> None:
        self._http.close()

    def list_documents(self) -> list[dict[str, Any]]:
        """Return the documents that the key's owner may read. Raises `ClientFailed`."""
        found = self._json(self._http.build_request("GET", "/api/v1/documents"))
        if not isinstance(found, list) or not all(isinstance(entry, dict) and "id" in entry for entry in found):
            raise ClientFailed(_STRANGE)
        return found

    def upload(self, name: str, body: bytes, *, shared: bool) -> str | None:
        """Hand over a document and return its id; None when too many wait already. Raises `ClientFailed`."""
        wanted: dict[str, str | bool] = {"name": name, "shared": shared}
        try:
            kept = self._json(self._http.build_request("POST", "/api/v1/documents", params=wanted, content=body))
        except Busy:
            return None
        if not isinstance(kept, dict) or "id" not in kept:
            raise ClientFailed(_STRANGE)
        return str(kept["id"])

    def _json(self, request: httpx2.Request) -> Any:  # noqa: ANN401 - what JSON holds
        try:
            response = self._http.send(request)
        except httpx2.HTTPError as error:
            raise ClientFailed(f"The chatbot does not answer ({type(error).__name__}). Is it running?") from error
        if response.status_code >= 300:
            kind = Busy if response.status_code == 429 else ClientFailed
            raise kind(_why(response.status_code, response.content))
        try:
            return response.json()
        except ValueError:
            raise ClientFailed(_STRANGE) from None

    def events(self, path: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Send and yield the events of the answer. Raises `ClientFailed`."""
        try:
            with self._http.stream("POST", path, json=body) as response:
                if response.status_code >= 300:
                    raise ClientFailed(_why(response.status_code, response.read()))
                rest = b""
                for piece in response.iter_bytes():
                    # not by a library's lines: those also end at letters that stand in an answer, such as U+2028
                    *lines, rest = (rest + piece).split(b"\n")
                    for line in lines:
                        if line == b"data: [DONE]":
                            return
                        if line.startswith(b"data: "):
                            yield _checked(json.loads(line[6:]))
        except (httpx2.HTTPError, ValueError) as error:
            raise ClientFailed(f"The answer broke off ({type(error).__name__}). Try again.") from error
        raise ClientFailed("The answer broke off before its end. Try again.")


def read_key(path: Path) -> str:
    """Return the key that a file holds. Raises `ClientFailed`."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(200).decode("ascii", "replace").strip()
    except OSError as error:
        raise ClientFailed(
            f"The key file {path} cannot be read ({error.strerror}). Make a key on the page Settings, write it into a"
            " file, and name the file with --key-file."
        ) from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ClientFailed(f"Others can read the key file {path}. Run: chmod 600 {path}")
    if not is_key(text):
        raise ClientFailed(f"The file {path} holds no API key. It must hold one, as the page Settings showed it.")
    return text


def check_address(url: str) -> str:
    """Return the chatbot's origin. Raises `ClientFailed` where a key would travel unprotected."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises when it is none
    except ValueError:
        raise ClientFailed(f"{url} is not an address such as http://127.0.0.1:8000.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or "@" in parts.netloc:
        raise ClientFailed(f"{url} is not an address such as http://127.0.0.1:8000.")
    if parts.scheme == "http" and not _is_this_machine(parts.hostname):
        raise ClientFailed("A key is not sent over plain http to another machine: use https.")
    return f"{parts.scheme}://{parts.netloc}"


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def text_of(event: dict[str, Any]) -> tuple[str, str]:
    """Return the text that an event of a stream brings, and why the answer ended, if it did. Raises `ClientFailed`."""
    try:
        choice = event["choices"][0] if event["choices"] else {"delta": {}}
        return str(choice["delta"].get("content") or ""), str(choice.get("finish_reason") or "")
    except (KeyError, IndexError, TypeError, AttributeError):
        raise ClientFailed(_STRANGE) from None


def _why(status: int, body: bytes) -> str:
    try:
        found = json.loads(body)
        if "error" in found:
            return str(found["error"]["message"])
        return ". ".join(str(found[name]).rstrip(".") for name in ("title", "detail") if found.get(name)) + "."
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"The server answered with status {status}."


def _checked(event: object) -> dict[str, Any]:
    if not isinstance(event, dict):
        raise ClientFailed(_STRANGE)
    if "error" in event:
        found = event["error"]
        raise ClientFailed(str(found.get("message")) if isinstance(found, dict) else _STRANGE)
    return event
