"""A model that says one pattern, 64,000 characters of it, as fast as it is read: `python -m … PORT`."""

import asyncio
import json
import os
import sys
from itertools import cycle

CHARACTERS, PIECE = 64_000, 40
PATTERNS = cycle(["|a|b\n|-|-\n", "1) a\n", "- a\n  ", "> - a\n", "*a ", "[1]"])


def _framed(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _said(pattern: str) -> bytes:
    text = pattern * (CHARACTERS // len(pattern))
    pieces = [text[start : start + PIECE] for start in range(0, len(text), PIECE)]
    chunks = [json.dumps({"choices": [{"index": 0, "delta": {"content": piece}}]}).encode() for piece in pieces]
    events = [_framed(b"data: " + chunk + b"\n\n") for chunk in [*chunks, b"[DONE]"]]
    return b"".join(events) + b"0\r\n\r\n"


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection."""
    try:
        while head := (await reader.readuntil(b"\r\n\r\n")).lower():
            length = head.split(b"content-length:")[1].split(b"\r\n")[0]
            await reader.readexactly(int(length))
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
            writer.write(_said(next(PATTERNS)))
            await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError):
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(answer, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


if __name__ == "__main__":
    os.nice(19)  # it stands for another machine
    asyncio.run(main())
