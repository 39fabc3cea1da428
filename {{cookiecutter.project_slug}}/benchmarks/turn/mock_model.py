"""A model that answers at once: 50 tokens as OpenAI chunks. It costs as little as Python can, and the same to all.

Asked to think, it takes 100 ms to its first token; asked to go slowly, it says 100 tokens, one each 50 ms.
"""

import asyncio
import sys

_CHUNK = b'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n'


def _framed(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_FIRST = _HEAD + _framed(_CHUNK % b"Token")
_WORD = _framed(_CHUNK % b" word")
_END = _framed(b"data: [DONE]\n\n") + b"0\r\n\r\n"
_REST = _WORD * 49 + _END


_THINKING_SECONDS = 0.1
_SLOW_SECONDS, _SLOW_TOKENS = 0.05, 100


class Model(asyncio.Protocol):
    """One connection; requests come one after the other."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self.buffer[:end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0])
        if len(self.buffer) < end + 4 + length:
            return
        body, self.buffer = self.buffer[end + 4 : end + 4 + length], self.buffer[end + 4 + length :]
        loop = asyncio.get_running_loop()
        if b"Think first" in body:
            loop.call_later(_THINKING_SECONDS, self.answer)
        elif b"Go slowly" in body:
            self.transport.write(_FIRST)
            self.go_on(loop.time(), 1)
        else:
            self.answer()

    def answer(self) -> None:
        """Say everything, the first token by itself."""
        self.transport.write(_FIRST)
        asyncio.get_running_loop().call_soon(self.transport.write, _REST)

    def go_on(self, begun: float, said: int) -> None:
        """Say a token when its time has come, and then the next."""
        if said == _SLOW_TOKENS:
            self.transport.write(_END)
            return
        due = begun + said * _SLOW_SECONDS
        asyncio.get_running_loop().call_at(due, self.say, begun, said)

    def say(self, begun: float, said: int) -> None:
        self.transport.write(_WORD)
        self.go_on(begun, said + 1)


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Model, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
