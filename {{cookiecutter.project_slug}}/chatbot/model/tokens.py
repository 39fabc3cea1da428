"""How many tokens a text has, where no model says so itself."""

from collections.abc import Iterator

import orjson

from chatbot.core.untrusted import Untrusted
from chatbot.model.port import Prompt

_BYTES_PER_TOKEN = 4  # of English text, by the tokenisers in common use
_AROUND = 256  # bytes that an adapter writes around a segment: a role, a boundary, a source


def tokens_of_bytes(count: int) -> int:
    """Return an estimate of the tokens in so many bytes: a quarter of them, rounded up."""
    return -(-count // _BYTES_PER_TOKEN)


def estimate_tokens(text: str) -> int:
    """Return an estimate of a text's tokens."""
    return tokens_of_bytes(count_bytes(text))


def count_prompt(prompt: Prompt) -> int:
    """Return the estimated tokens of everything that the model is given."""
    return sum(map(estimate_tokens, _segments(prompt)))


def measure_prompt(prompt: Prompt) -> tuple[int, int]:
    """Return the prompt's bytes, and more tokens than it can have: a tokenizer makes at most one of each byte."""
    sizes = [count_bytes(segment) for segment in _segments(prompt)]
    return sum(sizes), sum(sizes) + _AROUND * len(sizes)


def _segments(prompt: Prompt) -> Iterator[str]:
    yield prompt.instructions
    yield prompt.question
    for said in prompt.history:
        yield said.text if isinstance(said, Untrusted) else said.content
    for passage in prompt.passages:
        yield passage.text
        yield passage.source
    for tool in prompt.tools:
        yield tool.description.text if isinstance(tool.description, Untrusted) else tool.description
        yield orjson.dumps(tool.schema).decode()
    for step in prompt.steps:
        yield step.request.arguments
        yield step.result.text


def count_bytes(text: str) -> int:
    """Return the size of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
