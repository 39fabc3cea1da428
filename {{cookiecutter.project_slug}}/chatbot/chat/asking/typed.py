"""What a person or a program sends to be answered, as a reader sees it (control web-input).

Stops: text that hides from its reader and not from the model: tag characters, bidirectional marks, joiners and other
characters that cannot be seen are removed and counted, and the sender is told. A person who copies a page's text asks
what they saw. Every visible character reaches the model unchanged: nothing is normalised, folded or rewritten but the
ends of lines. What is longer in tokens than the settings allow is refused before anything is looked up or paid for.
Fails closed: there is no other way to make a `Typed`, and nothing else is answered.
"""

from typing import NamedTuple

from chatbot.core.errors import Unprocessable
from chatbot.core.visible import unix_lines, visible_text
from chatbot.model.tokens import estimate_tokens
from chatbot.monitoring.refusals import note_refusal


class Typed(NamedTuple):
    """Text without hidden characters, and how many there were."""

    text: str
    hidden: int


class TooManyTokens(Unprocessable):
    """More than the model is given at once."""

    title = "The text is too long"
    code = "context_length_exceeded"
    param = "messages"


def read_typed(text: str, most_tokens: int) -> Typed:
    """Return what is seen of a question. Raises `TooManyTokens` and, when nothing is seen, `Unprocessable`."""
    typed = read_said(text)
    if not typed.text.strip():
        raise Unprocessable("The text holds no visible character.")
    check_tokens([typed.text], most_tokens)
    return typed


def read_said(text: str) -> Typed:
    """Return what is seen of `text`, which may be nothing."""
    lines = unix_lines(text)
    seen = visible_text(lines)
    hidden = len(lines) - len(seen)
    if hidden:
        note_refusal("web-input", "hidden characters were removed", hidden)
    return Typed(seen, hidden)


def check_tokens(texts: list[str], most_tokens: int) -> None:
    """Raise `TooManyTokens` for texts that are longer together."""
    tokens = sum(map(estimate_tokens, texts))
    if tokens > most_tokens:
        note_refusal("web-input", "too many tokens")
        why = f"It has about {tokens} tokens: {most_tokens} are taken."
        raise TooManyTokens(f"{why} Shorten it, or upload it as a document.")
