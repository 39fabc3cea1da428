"""How many tokens a text has, where no model says so itself."""

from chatbot.core.untrusted import Untrusted
from chatbot.model.port import Prompt

_BYTES_PER_TOKEN = 4  # of English text, by the tokenisers in common use


def estimate_tokens(text: str) -> int:
    """Return an estimate: a quarter of the text's bytes, rounded up."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // _BYTES_PER_TOKEN)


def count_prompt(prompt: Prompt) -> int:
    """Return the estimated tokens of everything that the model is given."""
    history = [said.text if isinstance(said, Untrusted) else said.content for said in prompt.history]
    parts = [prompt.instructions, prompt.question, *history, *(passage.text for passage in prompt.passages)]
    return sum(map(estimate_tokens, parts))
