"""From a request's body to a question: judged by the published schema, then by what can be done here."""

import orjson
from pydantic import ValidationError

from chatbot.chat.asking.typed import check_tokens, read_said
from chatbot.chat.completion import Asked, Said
from chatbot.core.errors import NotFound, Problem, Unprocessable
from chatbot.gateway.openai.schema import EXTENSIONS, CompletionRequest, Message, TextPart
from chatbot.model.port import AnswerOptions

# model -> whether documents are searched
MODELS = {"chatbot": True, "chatbot-without-documents": False}
_INSTRUCTING = frozenset({"system", "developer"})


class Unsupported(Problem):
    """A request that the schema allows and that this server cannot carry out."""

    status = 400
    title = "That is not supported here"
    code = "unsupported_value"

    def __init__(self, param: str, detail: str) -> None:
        super().__init__(detail)
        self.param = param


class UnfitRequest(Unprocessable):
    """A body that breaks the published schema."""

    title = "The request does not fit the schema"

    def __init__(self, param: str, detail: str, code: str) -> None:
        super().__init__(detail)
        self.param, self.code = param, code


class UnknownModel(NotFound):
    """A model that is not offered."""

    title = "There is no such model"
    code = "model_not_found"
    param = "model"


def read_request(body: bytes, most_tokens: int) -> tuple[CompletionRequest, Asked, list[str]]:
    """Return a request's body, what it asks, and which fields of it are ignored.

    Raises `UnfitRequest`, `Unsupported`, `UnknownModel` or `TooManyTokens`.
    """
    body, ignored = _without_extensions(body)
    try:
        request = CompletionRequest.model_validate_json(body, strict=True)
    except ValidationError as error:
        raise _unfit(error) from None
    if request.model not in MODELS:
        raise UnknownModel(f"Ask for one of: {', '.join(MODELS)}.")
    for param, wanted in _beyond(request):
        if wanted:
            raise Unsupported(param, f"Leave '{param}' away, or at its default.")
    told = [_said(place, message) for place, message in enumerate(request.messages)]
    questions = [place for place, said in enumerate(told) if said.author == "user"]
    if not questions:
        raise Unsupported("messages", "One of the messages must be the user's question.")
    # what a client's tools said after the question is data that comes with it
    last, earlier = told[questions[-1]], [said for place, said in enumerate(told) if place != questions[-1]]
    if not last.text.strip():
        raise UnfitRequest("messages", "The question is empty.", "invalid_value")
    check_tokens([last.text, *(said.text for said in earlier)], most_tokens)
    asked = Asked(last.text, tuple(earlier), _options(request), search=MODELS[request.model])
    return request, asked, ignored


def _without_extensions(body: bytes) -> tuple[bytes, list[str]]:
    """Return the body without the known extensions of other servers, and their names."""
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body, []  # refused where it is validated
    ignored = sorted(EXTENSIONS.intersection(told)) if isinstance(told, dict) else []
    if not ignored:
        return body, []
    return orjson.dumps({name: value for name, value in told.items() if name not in EXTENSIONS}), ignored


def _beyond(request: CompletionRequest) -> list[tuple[str, object]]:
    """Return what would change the answer and is not done here. Hints, and what only tunes, are taken and ignored.

    A client's own tools are taken and never called, which `auto` allows; a call that must be made is not promised.
    """
    return [
        ("n", (request.n or 1) > 1),
        ("audio", request.audio),
        ("modalities", request.modalities and request.modalities != ["text"]),
        ("logprobs", request.logprobs),
        ("top_logprobs", request.top_logprobs),
        ("logit_bias", request.logit_bias),
        ("moderation", request.moderation),
        ("web_search_options", request.web_search_options is not None),
        ("response_format", request.response_format not in (None, {"type": "text"})),
        ("tool_choice", request.tool_choice not in (None, "auto", "none")),
        ("function_call", request.function_call not in (None, "auto", "none")),
    ]


def _options(request: CompletionRequest) -> AnswerOptions:
    stop = [request.stop] if isinstance(request.stop, str) else request.stop or []
    return AnswerOptions(
        max_tokens=request.max_completion_tokens or request.max_tokens,
        temperature=request.temperature,
        top_p=request.top_p,
        stop=tuple(mark for mark in stop if mark),
        seed=request.seed,
        presence_penalty=request.presence_penalty,
        frequency_penalty=request.frequency_penalty,
    )


def _said(place: int, message: Message) -> Said:
    content = message.content
    if isinstance(content, list):
        texts = [part.text for part in content if isinstance(part, TextPart)]
        if len(texts) < len(content):
            raise Unsupported(f"messages[{place}].content", "Only text is understood: no image, sound or file.")
        content = "\n".join(texts)
    calls = message.tool_calls if message.role == "assistant" else None
    called = [f"{call.function.name}({call.function.arguments})" for call in calls or () if call.function]
    author = "system" if message.role in _INSTRUCTING else message.role
    said = "\n".join(part for part in (content or "", *called) if part)
    return Said(author, read_said(said).text)


def _unfit(error: ValidationError) -> UnfitRequest:
    """Name the first field at fault, never what was in it."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if any(item["type"] == "json_invalid" for item in found):
        return UnfitRequest("", "The body is not JSON.", "invalid_json")
    unknown = [item for item in found if item["type"] == "extra_forbidden"]
    chosen = (unknown or found)[0]
    place = ".".join(str(part) for part in chosen["loc"])[:120]
    place = place if place.isprintable() else "a field"
    if unknown:
        return UnfitRequest(place, f"The field '{place}' is unknown.", "unknown_parameter")
    kind = "missing_required_parameter" if chosen["type"] == "missing" else "invalid_value"
    return UnfitRequest(place, f"The field '{place}' is missing or not acceptable.", kind)
