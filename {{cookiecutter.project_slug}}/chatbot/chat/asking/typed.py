"""What a person or a program sends to be answered, as a reader sees it (control web-input).

Stops: text that hides from its reader and not from the model: tag characters, bidirectional marks, joiners and other
characters that cannot be seen are removed and counted, and the sender is told. A person who copies a page's text asks
what they saw. Every visible character reaches the model unchanged: nothing is normalised, folded or rewritten but the
ends of lines and the kinds of spaces. What is longer in tokens than the settings allow is refused before anything is
looked up or paid for. Fails closed: there is no other way to make a `Typed`, and nothing else is answered.
"""

from chatbot.core.errors import Unprocessable
from chatbot.core.visible import Visible, read_visible
from chatbot.model.tokens import estimate_tokens
from chatbot.monitoring.refusals import note_refusal

Typed = Visible


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
    typed = read_visible(text)
    if typed.hidden:
        note_refusal("web-input", "hidden characters were removed", typed.hidden)
    return typed


def check_tokens(texts: list[str], most_tokens: int) -> None:
    """Raise `TooManyTokens` for texts that are longer together."""
    tokens = sum(map(estimate_tokens, texts))
    if tokens > most_tokens:
        note_refusal("web-input", "too many tokens")
        why = f"It has about {tokens} tokens: {most_tokens} are taken."
        raise TooManyTokens(f"{why} Shorten it, or upload it as a document.")
