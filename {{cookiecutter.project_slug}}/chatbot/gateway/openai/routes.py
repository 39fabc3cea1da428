"""The OpenAI-compatible interface: `/v1/chat/completions`, streaming and not, and `/v1/models`."""

import secrets
import time
from collections.abc import AsyncIterator
from typing import Any

import orjson
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from chatbot.chat.asking.prompt import cited_numbers
from chatbot.chat.completion import Completion, CompletionService
from chatbot.core.errors import Problem, Unprocessable
from chatbot.gateway.exchange import Watch, has_body, pad_event, principal_of, read_json_body, refuse_query, until_left
from chatbot.gateway.middleware.errors import refusal_body
from chatbot.gateway.openai.reading import MODELS, UnknownModel, read_request
from chatbot.gateway.openai.schema import CompletionRequest
from chatbot.model.port import Finished
from chatbot.model.tokens import count_prompt, estimate_tokens

_DONE = b"[DONE]"


def openai_routes(service: CompletionService, watch: Watch, most_tokens: int) -> list[Route]:
    """Return the interface's routes, all of them."""
    return [
        Route("/v1/chat/completions", _Completions(service, watch, most_tokens), methods=["POST"]),
        Route("/v1/models", _Models(), methods=["GET"]),
        Route("/v1/models/{model}", _Models(), methods=["GET"]),
    ]


class _Models:
    def __init__(self) -> None:
        self._since = int(time.time())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """List the models, or show one."""
        principal_of(scope)
        refuse_query(scope)
        if has_body(scope):
            raise Unprocessable("This takes no body.")
        named = scope["path_params"].get("model")
        if named is not None and named not in MODELS:
            raise UnknownModel(f"There is: {', '.join(MODELS)}.")
        models = [{"id": name, "object": "model", "created": self._since, "owned_by": "chatbot"} for name in MODELS]
        shown = {"object": "list", "data": models}
        await _send_json(send, shown if named is None else next(model for model in models if model["id"] == named))


class _Completions:
    def __init__(self, service: CompletionService, watch: Watch, most_tokens: int) -> None:
        self._service = service
        self._watch = watch
        self._most_tokens = most_tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one question; the model is stopped when the client leaves."""
        who = principal_of(scope)
        refuse_query(scope)
        request, asked, ignored = read_request(await read_json_body(scope, receive), self._most_tokens)
        send = _naming(send, ignored) if ignored else send
        completion = await self._service.begin(who, scope["spending"], asked)
        answer = _Answer(request, completion)
        work = answer.stream(scope, send) if request.stream else answer.send_whole(send)
        try:
            await until_left(scope, receive, self._watch, work)
        except Problem as problem:
            await answer.refuse(scope, send, problem)


class _Answer:
    """One answer in the two forms of the published schema."""

    def __init__(self, request: CompletionRequest, completion: Completion) -> None:
        self._completion = completion
        self._streaming = False
        self._with_usage = bool(request.stream_options and request.stream_options.include_usage)
        self._head: dict[str, Any] = {
            "id": f"chatcmpl-{secrets.token_hex(12)}",
            "created": int(time.time()),
            "model": request.model,
        }

    async def send_whole(self, send: Send) -> None:
        texts, ending = [], Finished("stop")
        async for piece in self._completion.pieces():
            if isinstance(piece, Finished):
                ending = piece
            else:
                texts.append(piece)
        text = "".join(texts)
        message = {"role": "assistant", "content": text, "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": ending.reason, "logprobs": None}
        whole = {**self._head, "object": "chat.completion", "choices": [choice]}
        whole |= {"usage": self._usage(text, ending), **self._sources(text)}
        await _send_json(send, whole)

    async def stream(self, scope: Scope, send: Send) -> None:
        pieces = self._completion.pieces()
        texts: list[str] = []
        try:
            first = await anext(pieces)  # a model that fails at once becomes an ordinary error
            self._streaming = True
            await _begin_stream(send)
            await self._send_chunk(send, {"role": "assistant", "content": "", "refusal": None})
            ending = await self._relay(first, pieces, texts, send)
            told = self._sources("".join(texts))
            await self._send_chunk(send, {}, ending.reason, **told)
            if self._with_usage:
                await self._send(send, {"choices": [], "usage": self._usage("".join(texts), ending)})
            await _send_event(send, _DONE, last=True)
        finally:
            await pieces.aclose()  # type: ignore[attr-defined]  # a generator, typed as the iterator callers need

    async def refuse(self, scope: Scope, send: Send, problem: Problem) -> None:
        """End with a problem: as the last event, or as the answer where nothing was sent yet."""
        if not self._streaming:
            raise problem
        body, _ = refusal_body(scope, problem, scope["request_id"])
        await _send_event(send, body, last=True)

    async def _relay(
        self, first: str | Finished, pieces: AsyncIterator[str | Finished], texts: list[str], send: Send
    ) -> Finished:
        piece = first
        while not isinstance(piece, Finished):
            texts.append(piece)
            await self._send_chunk(send, {"content": piece})
            piece = await anext(pieces)
        return piece

    async def _send_chunk(self, send: Send, delta: dict[str, Any], reason: str | None = None, **more: object) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}
        await self._send(send, {"choices": [choice], **({"usage": None} if self._with_usage else {}), **more})

    async def _send(self, send: Send, chunk: dict[str, Any]) -> None:
        await _send_event(send, orjson.dumps({**self._head, "object": "chat.completion.chunk", **chunk}))

    def _sources(self, text: str) -> dict[str, Any]:
        """Return the passages that the model was given, and the numbers of those that its answer names."""
        citations = self._completion.citations
        return {"citations": citations, "cited": cited_numbers(text, len(citations))}

    def _usage(self, text: str, ending: Finished) -> dict[str, int]:
        """Return the tokens used, by the model's own count, or else by our estimate."""
        asked = ending.prompt_tokens if ending.prompt_tokens is not None else count_prompt(self._completion.prompt)
        answered = ending.answer_tokens if ending.answer_tokens is not None else estimate_tokens(text)
        return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}


def _naming(send: Send, ignored: list[str]) -> Send:
    """Return `send` with a header that names the request's fields that do nothing here."""

    async def name(message: Message) -> None:
        if message["type"] == "http.response.start":
            header = (b"x-ignored-fields", ", ".join(ignored).encode())
            message = {**message, "headers": [*message["headers"], header]}
        await send(message)

    return name


async def _send_json(send: Send, value: object) -> None:
    body = orjson.dumps(value)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _begin_stream(send: Send) -> None:
    headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store")]
    headers += [(b"x-accel-buffering", b"no")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


async def _send_event(send: Send, data: bytes, *, last: bool = False) -> None:
    event = b"data: " + data
    # the end is compared whole by clients, and its size tells nothing
    body = event + b"\n\n" if data == _DONE else pad_event(event)
    await send({"type": "http.response.body", "body": body, "more_body": not last})
