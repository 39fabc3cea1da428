"""Chats by LlamaIndex. Usage: with_llama_index.py URL CONVERSATION, the key in OPENAI_API_KEY."""

import json
import os
import sys
from pathlib import Path

from llama_index.core.llms import ChatMessage
from llama_index.llms.openai_like import OpenAILike

url, conversation = sys.argv[1], json.loads(Path(sys.argv[2]).read_text())
model = OpenAILike(
    model="chatbot", api_base=url, api_key=os.environ["OPENAI_API_KEY"], is_chat_model=True, max_retries=0
)
question = [ChatMessage(**message) for message in conversation["question"]]
whole = model.chat(question)
parts = list(model.stream_chat(question, stream_options={"include_usage": True}))
history = model.chat([ChatMessage(**message) for message in conversation["history"]])
model.chat([*question, whole.message, *question])
print(
    json.dumps(
        {
            "whole": whole.message.content,
            "streamed": "".join(part.delta or "" for part in parts),
            "history": history.message.content,
            "finish": [
                whole.raw.choices[0].finish_reason,
                next(part.raw.choices[0].finish_reason for part in reversed(parts) if part.raw.choices),
            ],
            "tokens": [whole.raw.usage.total_tokens, parts[-1].raw.usage.total_tokens],
        }
    )
)
