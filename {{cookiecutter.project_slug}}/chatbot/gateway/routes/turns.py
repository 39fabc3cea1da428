"""The hot route: a question in, an answer as server-sent events out. Plain ASGI: it runs once per question."""

from dataclasses import dataclass
from uuid import UUID

import orjson
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from chatbot.chat.asking.metered import Purse
from chatbot.chat.asking.typed import read_typed
from chatbot.chat.turn import Event, Turn, TurnService, problem_event
from chatbot.core.errors import NotFound, Problem, Unprocessable
from chatbot.core.principal import Principal
from chatbot.database.calls.turns import BEGINNING, LATEST, Place
from chatbot.gateway.exchange import Watch, pad_event, principal_of, read_json_body, refuse_query, until_left

_MOST_CHARACTERS = 8000
_FIELDS = frozenset({"question", "parent", "again", "search"})
_LAST = frozenset({"end", "problem"})  # the events that a stream ends with
_LARGEST_ID = 2**63  # PostgreSQL's bigint
_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
    ],
}


def turn_route(service: TurnService, watch: Watch, most_tokens: int) -> Route:
    """Return `POST /api/v1/conversations/{conversation}/turns`."""
    path = "/api/v1/conversations/{conversation}/turns"
    return Route(path, TurnEndpoint(service, watch, most_tokens), methods=["POST"])


@dataclass(frozen=True, slots=True)
class Asked:
    """A request's body: a new question and the message that it follows, or a kept question to answer again."""

    text: str
    follows: int
    again: int | None
    search: bool


class TurnEndpoint:
    """Reads the question, streams the answer, and stops the model when the reader leaves."""

    def __init__(self, service: TurnService, watch: Watch, most_tokens: int) -> None:
        self._service = service
        self._watch = watch
        self._most_tokens = most_tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        who, purse = principal_of(scope), scope["spending"]
        refuse_query(scope)
        conversation = _identifier(scope["path_params"]["conversation"])
        asked = _read_question(await read_json_body(scope, receive))
        turn = await self._begin(who, purse, conversation, asked)
        stream = _Stream(send)
        try:
            await until_left(scope, receive, self._watch, stream.run(turn))  # stopped, what was answered is stored
        except Problem as problem:
            await stream.refuse(problem)

    async def _begin(self, who: Principal, purse: Purse, conversation: UUID, asked: Asked) -> Turn:
        if asked.again is not None:
            return await self._service.answer_again(who, purse, conversation, asked.again, search=asked.search)
        place = Place(conversation, asked.follows)
        typed = read_typed(asked.text, self._most_tokens)
        return await self._service.ask(who, purse, place, typed, search=asked.search)


class _Stream:
    def __init__(self, send: Send) -> None:
        self._send = send
        self._started = False

    async def run(self, turn: Turn) -> None:
        events = turn.events()
        try:
            async for event in events:
                await self._send_event(event)
        finally:
            # `events` is an asynchronous generator, typed as the iterator that callers need
            await events.aclose()  # type: ignore[attr-defined]

    async def refuse(self, problem: Problem) -> None:
        """End with a problem: as the last event, or as the answer where nothing was sent yet."""
        if not self._started:
            raise problem
        await self._send_event(problem_event(problem))

    async def _send_event(self, event: Event) -> None:
        if not self._started:
            await self._send(_START)
            self._started = True
        more = event[0] not in _LAST
        await self._send({"type": "http.response.body", "body": encode_event(event), "more_body": more})


def encode_event(event: Event) -> bytes:
    """Return an event as it goes over the wire (HTML standard, section 9.2)."""
    name, data = event
    return pad_event(b"event: " + name.encode() + b"\ndata: " + orjson.dumps(data))


def _identifier(text: str) -> UUID:
    try:
        identifier = UUID(text)
    except ValueError:
        raise NotFound("There is no such conversation.") from None
    if str(identifier) != text:
        raise NotFound("There is no such conversation.")  # one spelling only
    return identifier


def _read_question(body: bytes) -> Asked:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Unprocessable("The body is not JSON.") from None
    if not isinstance(value, dict) or ("question" in value) == ("again" in value) or value.keys() - _FIELDS:
        raise Unprocessable("Send one object with 'question' and, if you like, 'parent' and 'search'; or with 'again'.")
    search = value.get("search", True)
    if not isinstance(search, bool):
        raise Unprocessable("'search' must be true or false.")
    if "again" in value:
        if "parent" in value:
            raise Unprocessable("A question that is answered again stays where it is: leave 'parent' away.")
        return Asked("", LATEST, _message(value["again"], "again"), search)
    follows = LATEST
    if "parent" in value:
        follows = BEGINNING if value["parent"] is None else _message(value["parent"], "parent")
    question = value["question"]
    if not isinstance(question, str) or not question.strip() or len(question) > _MOST_CHARACTERS or "\0" in question:
        raise Unprocessable(f"A question must be text of 1 to {_MOST_CHARACTERS} characters.")
    return Asked(question, follows, None, search)


def _message(value: object, name: str) -> int:
    if type(value) is not int or not 0 < value < _LARGEST_ID:
        raise Unprocessable(f"'{name}' must be a message's number.")
    return value
