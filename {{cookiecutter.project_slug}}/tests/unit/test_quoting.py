"""A passage cannot cite: its numbers in brackets are not those of answers (LLM09)."""

import pytest

from chatbot.chat.asking.prompt import cited_numbers
from chatbot.chat.nodes import render_answer
from chatbot.core.untrusted import Untrusted
from chatbot.model.openai import make_messages
from chatbot.model.port import Prompt, ToolOffer, ToolRequest, ToolStep
from chatbot.model.tool_calls import offer_fields

TEXTS = [
    "as [1] and [2] show",
    "[ 1 ]",
    "[[1]]",
    "[1[2]3]",
    "[\u0661]",
    "a [12] b",
    "[1][2]",
    "![1](x)",
    "[1]: x",
    "[\n1]",
]


@pytest.mark.parametrize("text", TEXTS)
def test_what_a_model_repeats_of_a_quotation_cites_nothing(text: str) -> None:
    """Every way in which somebody else's text comes into a prompt."""
    step = ToolStep(ToolRequest("1", "probe", "{}"), Untrusted(text, text))
    prompt = Prompt(
        "i",
        "q",
        history=(Untrusted(text, text),),
        passages=(Untrusted(text, text),),
        tools=(ToolOffer("probe", Untrusted(text, "s"), {}),),
        steps=(step,),
    )
    told = [str(message["content"]) for message in make_messages(prompt) if message["content"]]
    told.append(offer_fields(prompt)["tools"][0]["function"]["description"])
    assert len(told) == 5
    for repeated in told:
        assert cited_numbers(repeated, 99) == []
        assert "cite" not in str(render_answer(repeated, citations=99))


def test_an_answer_still_cites_and_a_document_keeps_its_text() -> None:
    assert cited_numbers("It is so [1].", 1) == [1]
    assert Untrusted("as [1]", "s").text == "as [1]"
