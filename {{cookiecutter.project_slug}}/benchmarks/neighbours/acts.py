"""What one account, or one address, does to everybody: `python -m … NAME`, the account as JSON at standard input.

Each act goes on until the process is ended.
"""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

LOWEST = 19
_READ = 1 << 16
_MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Account:
    """Where the gateway is, who asks, and what is prepared for the acts."""

    port: int
    host: str
    cookie: str
    csrf: str
    fresh: list[str]  # empty conversations
    exported: str
    shown: str

    def head(self, method: str, path: str, length: int | None = None) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"host: {self.host}", f"cookie: {self.cookie}"]
        lines += [f"origin: http://{self.host}", f"x-csrf-token: {self.csrf}", "content-type: application/json"]
        lines += [] if length is None else [f"content-length: {length}"]
        return ("\r\n".join(lines) + "\r\nconnection: close\r\n\r\n").encode()

    def stranger(self, path: str) -> bytes:
        """Return a request of somebody without an account."""
        return f"GET {path} HTTP/1.1\r\nhost: {self.host}\r\nconnection: close\r\n\r\n".encode()


async def exchange(account: Account, request: bytes) -> None:
    """Send one request on a connection of its own and read the answer to its end."""
    with suppress(ConnectionError):
        reader, writer = await asyncio.open_connection("127.0.0.1", account.port)
        writer.write(request)
        while await reader.read(_READ):
            pass
        writer.close()


async def again(account: Account, requests: Iterable[bytes]) -> None:
    """Keep each of these requests going, all at once."""

    async def forever(request: bytes) -> None:
        while True:
            await exchange(account, request)
            await asyncio.sleep(0.05)  # a refusal is not hammered

    await asyncio.gather(*(forever(request) for request in requests))


async def nothing(_account: Account) -> None:
    await asyncio.Event().wait()


async def answers(account: Account) -> None:
    body = b'{"question":"Write a list.","search":false}'
    paths = [f"/api/v1/conversations/{each}/turns" for each in account.fresh]
    await again(account, [account.head("POST", path, len(body)) + body for path in paths])


async def search(account: Account) -> None:
    await again(account, [account.head("GET", "/api/v1/conversations?search=zzz")] * 4)


async def export(account: Account) -> None:
    path = f"/api/v1/conversations/{account.exported}/export?format="
    await again(account, [account.head("GET", path + form) for form in ("markdown", "json")] * 2)


async def history(account: Account) -> None:
    await again(account, [account.head("GET", f"/api/v1/conversations/{account.shown}")] * 4)


async def lists(account: Account) -> None:
    paths = ["/api/v1/conversations", "/api/v1/documents", "/api/v1/audit/own?most=500", "/api/v1/keys"]
    await again(account, [account.head("GET", path) for path in paths * 4])


async def uploads(account: Account) -> None:
    """Hold 60 uploads open, all but their last byte sent."""
    for number in range(60):
        _, writer = await asyncio.open_connection("127.0.0.1", account.port)
        with suppress(ConnectionError):
            writer.write(account.head("POST", f"/api/v1/documents?name=held{number}.txt", 8 * _MEGABYTE))
            writer.write(b"a" * (8 * _MEGABYTE - 1))
            await writer.drain()
    await asyncio.Event().wait()


async def documents(account: Account) -> None:
    """Upload costly documents: nothing but different words."""
    for number in range(6):
        words = " ".join(f"w{number}x{word}" for word in range(200_000)).encode()
        head = account.head("POST", f"/api/v1/documents?name=words{number}.md", len(words))
        await exchange(account, head + words)
    await asyncio.Event().wait()


async def sign_ins(account: Account) -> None:
    """Begin sign-ins, and come back from the provider with nothing it said."""
    paths = ["/auth/login", "/auth/callback?code=x&state=y"]
    await again(account, [account.stranger(path) for path in paths * 8])


async def pipelining(account: Account) -> None:
    request = f"GET /healthz HTTP/1.1\r\nhost: {account.host}\r\n\r\n".encode() * 1000
    await _pour(account, b"", request)


async def trailers(account: Account) -> None:
    head = f"POST /csp-report HTTP/1.1\r\nhost: {account.host}\r\norigin: http://{account.host}\r\n"
    await _pour(account, head.encode() + b"transfer-encoding: chunked\r\n\r\n0\r\n", b"a:b\r\n" * 10_000)


async def _pour(account: Account, first: bytes, more: bytes) -> None:
    while True:
        with suppress(ConnectionError):
            _, writer = await asyncio.open_connection("127.0.0.1", account.port)
            writer.write(first)
            while True:
                writer.write(more)
                await writer.drain()
        await asyncio.sleep(0.05)


ACTS: dict[str, tuple[str, Callable[[Account], Awaitable[None]]]] = {
    "nothing": ("nothing", nothing),
    "answers": ("16 answers of 64,000 characters: lists, tables, quotes", answers),
    "search": ("4 searches over 2000 messages of combining marks", search),
    "export": ("4 exports of 10,000 messages", export),
    "history": ("4 conversations of 200 tables of 60,000 characters", history),
    "lists": ("16 longest lists", lists),
    "uploads": ("60 uploads of 8 MB held open", uploads),
    "sign_ins": ("16 sign-ins at once, again and again (no account)", sign_ins),
    "documents": ("6 documents of 200,000 different words", documents),
    "pipelining": ("requests pipelined without end (no account)", pipelining),
    "trailers": ("trailers without end (no account)", trailers),
}


if __name__ == "__main__":
    os.nice(LOWEST)  # it stands for other machines: it takes what the measured ones leave
    print("ready", flush=True)
    asyncio.run(ACTS[sys.argv[1]][1](Account(**json.load(sys.stdin))))  # type: ignore[arg-type]  # all are coroutines
