"""The published request schema of OpenAI's chat completions, and what clients send beside it.

Source: CreateChatCompletionRequest of the OpenAI API, as the typed parameters of its Python client have it. What it
says about limits is kept; sizes that it leaves open are bounded here. Two kinds of fields beyond it are taken: what a
client's own library adds to an answer that it sends back, and the known extensions of other servers (`EXTENSIONS`),
which are ignored and named in the header `x-ignored-fields`. Every other field is refused by name.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Text = Annotated[str, Field(max_length=100_000)]
Word = Annotated[str, Field(max_length=256)]
Schema = dict[str, Any]  # JSON Schema of the client's own; bounded by the body's size
# none of these is read: they are hints, or what is refused by value in reading.py
Hint = Any
# what other OpenAI-compatible servers take at the top of a request, and does nothing here
EXTENSIONS = frozenset(
    "best_of cache_prompt chat_template chat_template_kwargs dry_multiplier dynatemp_range enable_thinking ignore_eos"
    " include_reasoning keep_alive length_penalty llamacpp_options min_p min_tokens mirostat mirostat_eta mirostat_tau"
    " models num_ctx num_predict options plugins presence_context provider reasoning reasoning_format repeat_last_n"
    " repeat_penalty repetition_penalty route session_id skip_special_tokens stop_token_ids tfs_z thinking"
    " top_a top_k transforms truncate typical_p use_beam_search usage".split()
)


class Part(BaseModel):
    """A group of fields of which none is unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class TextPart(Part):
    """A piece of text."""

    type: Literal["text"]
    text: Text
    prompt_cache_breakpoint: Hint = None
    cache_control: Hint = None
    annotations: Hint = None


class OtherPart(Part):
    """An image, a sound or a file: part of the schema, and refused by name later on."""

    type: Literal["image_url", "input_audio", "file", "refusal"]
    image_url: Schema | None = None
    input_audio: Schema | None = None
    file: Schema | None = None
    refusal: Text | None = None
    prompt_cache_breakpoint: Hint = None


Parts = Annotated[list[TextPart | OtherPart], Field(min_length=1, max_length=64)]


class FunctionCalled(Part):
    """Which function a message says was called."""

    name: Word
    arguments: Text
    parsed_arguments: Hint = None


class CustomCalled(Part):
    """Which custom tool a message says was called."""

    name: Word
    input: Text


class ToolCall(Part):
    """A tool call that an assistant's message tells of."""

    id: Word
    index: int | None = None
    type: Literal["function", "custom"] = "function"
    function: FunctionCalled | None = None
    custom: CustomCalled | None = None


class InstructionMessage(Part):
    """A `system` or `developer` message."""

    role: Literal["system", "developer"]
    content: Text | Parts
    name: Word | None = None
    id: Hint = None
    opts: Hint = None


class UserMessage(Part):
    """A `user` message."""

    role: Literal["user"]
    content: Text | Parts
    name: Word | None = None
    id: Hint = None
    # a client that writes out every field of every kind of message
    tool_calls: None = None
    tool_call_id: None = None
    function_call: None = None
    refusal: None = None


class AssistantMessage(Part):
    """An `assistant` message, as the client tells it."""

    role: Literal["assistant"]
    content: Text | Parts | None = None
    name: Word | None = None
    refusal: Text | None = None
    audio: Schema | None = None
    tool_calls: Annotated[list[ToolCall], Field(max_length=128)] | None = None
    function_call: FunctionCalled | None = None
    # what libraries put into an answer of theirs, and send back with it; none of it is read
    annotations: Hint = None
    parsed: Hint = None
    reasoning: Hint = None
    reasoning_content: Hint = None
    reasoning_details: Hint = None
    thinking_blocks: Hint = None
    provider_specific_fields: Hint = None
    citations: Hint = None
    cited: Hint = None
    images: Hint = None
    id: Hint = None


class ToolMessage(Part):
    """A `tool` message, as the client tells it."""

    role: Literal["tool"]
    content: Text | Parts
    tool_call_id: Word
    name: Word | None = None
    id: Hint = None


class FunctionMessage(Part):
    """A `function` message, as the client tells it (deprecated in the published schema)."""

    role: Literal["function"]
    content: Text | None
    name: Word


Message = Annotated[
    InstructionMessage | UserMessage | AssistantMessage | ToolMessage | FunctionMessage, Field(discriminator="role")
]


class FunctionOffer(Part):
    """A function that the client would run."""

    name: Word
    description: Text | None = None
    parameters: Schema | None = None
    strict: bool | None = None


class ToolOffer(Part):
    """A tool that the client would run."""

    type: Literal["function", "custom"]
    function: FunctionOffer | None = None
    custom: Schema | None = None


class StreamOptions(Part):
    """What a stream holds beside the answer."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


Penalty = Annotated[float, Field(ge=-2, le=2, allow_inf_nan=False)]


def _whole(value: object) -> object:
    """Return 5 for 5.0, which some clients send for a whole number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _limit(value: object) -> object:
    """Return a whole number, and nothing for -1, which some clients send for no limit."""
    return None if value == -1 else _whole(value)


Whole = Annotated[int, BeforeValidator(_whole)]
Count = Annotated[Annotated[int, Field(ge=1, le=1_000_000)] | None, BeforeValidator(_limit)]


class CompletionRequest(Part):
    """The body of `POST /v1/chat/completions`."""

    messages: Annotated[list[Message], Field(min_length=1, max_length=256)]
    model: Word
    audio: Schema | None = None
    frequency_penalty: Penalty | None = None
    function_call: str | Schema | None = None
    functions: Annotated[list[FunctionOffer], Field(max_length=128)] | None = None
    logit_bias: dict[str, int] | None = None
    logprobs: bool | None = None
    max_completion_tokens: Count = None
    max_tokens: Count = None
    metadata: Annotated[dict[Word, Annotated[str, Field(max_length=512)]], Field(max_length=16)] | None = None
    modalities: list[Literal["text", "audio"]] | None = None
    moderation: Schema | None = None
    n: Annotated[Whole, Field(ge=1, le=128)] | None = None
    parallel_tool_calls: bool | None = None
    prediction: Schema | None = None
    presence_penalty: Penalty | None = None
    prompt_cache_key: Word | None = None
    prompt_cache_options: Schema | None = None
    prompt_cache_retention: Literal["in_memory", "24h"] | None = None
    reasoning_effort: Word | None = None
    response_format: Schema | None = None
    safety_identifier: Word | None = None
    seed: Annotated[Whole, Field(ge=-(2**63), lt=2**63)] | None = None
    service_tier: Word | None = None
    stop: Word | Annotated[list[Word], Field(max_length=4)] | None = None
    store: bool | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    tool_choice: str | Schema | None = None
    tools: Annotated[list[ToolOffer], Field(max_length=128)] | None = None
    top_logprobs: Annotated[Whole, Field(ge=0, le=20)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    user: Word | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    web_search_options: Schema | None = None
