"""The pages and their files, from a manifest that is read once at start: no path ever reaches the disk."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.routing import Route
from starlette.types import Receive, Scope, Send

ASSETS = "/assets/"
_FRONTEND = Path(__file__).parents[3] / "frontend"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}
_SIGN_IN = "/sign-in"
# page -> file; everything else in the folder is an asset under its own name
_PAGES = {
    "/": "chat.html",
    "/documents": "documents.html",
    "/settings": "settings.html",
    "/usage": "usage.html",
    "/audit": "audit.html",
    "/admin": "admin.html",
    _SIGN_IN: "sign-in.html",
}
# what a person can come back to after signing in
TARGETS = tuple(page for page in _PAGES if page != _SIGN_IN)


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file as it is sent."""

    body: bytes
    media_type: str
    tag: str


def read_manifest(folder: Path | None) -> dict[str, PageFile]:
    """Return every path that is served and its content. Raises `FileNotFoundError` when a page is missing."""
    root = folder or _FRONTEND
    manifest = {path: _read(root / name) for path, name in _PAGES.items()}
    for file in sorted(root.rglob("*")):
        if file.is_file() and file.suffix in _TYPES and file.suffix != ".html":
            manifest[ASSETS + file.relative_to(root).as_posix()] = _read(file)
    return manifest


def read_error_page(folder: Path | None) -> str:
    """Return the page for refusals, whose words stand in brackets. Raises `FileNotFoundError`."""
    return ((folder or _FRONTEND) / "error.html").read_text(encoding="utf-8")


def page_routes(manifest: Mapping[str, PageFile]) -> list[Route]:
    """Return one exact route per file."""
    return [Route(path, _FileEndpoint(file), methods=["GET"]) for path, file in manifest.items()]


class _FileEndpoint:
    def __init__(self, file: PageFile) -> None:
        self._body = file.body
        self._tag = file.tag.encode()
        self._headers = [
            (b"content-type", file.media_type.encode()),
            # asked for again each time, answered with 304: a new release is never mixed with an old one
            (b"cache-control", b"no-cache" if "html" not in file.media_type else b"no-store"),
            (b"etag", self._tag),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file, or 304 when the browser has it."""
        unchanged = any(name == b"if-none-match" and value == self._tag for name, value in scope["headers"])
        body = b"" if unchanged or scope["method"] == "HEAD" else self._body
        length = [] if unchanged else [(b"content-length", str(len(self._body)).encode())]
        status = 304 if unchanged else 200
        await send({"type": "http.response.start", "status": status, "headers": [*self._headers, *length]})
        await send({"type": "http.response.body", "body": body})


def _read(path: Path) -> PageFile:
    body = path.read_bytes()
    return PageFile(body, _TYPES[path.suffix], f'"{hashlib.sha256(body).hexdigest()[:32]}"')
