"""Chats by OpenAI's own client. Usage: with_openai.py URL CONVERSATION, the key in OPENAI_API_KEY."""

import json
import sys
from pathlib import Path

from openai import OpenAI

url, conversation = sys.argv[1], json.loads(Path(sys.argv[2]).read_text())
with OpenAI(base_url=url, max_retries=0) as client:
    whole = client.chat.completions.create(model="chatbot", messages=conversation["question"])
    asked = {"model": "chatbot", "messages": conversation["question"], "stream_options": {"include_usage": True}}
    chunks = list(client.chat.completions.create(stream=True, **asked))
    with client.chat.completions.stream(**asked) as events:
        accumulated = events.get_final_completion()
    history = client.chat.completions.create(model="chatbot", messages=conversation["history"])
streamed = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
assert accumulated.choices[0].message.content == streamed
print(
    json.dumps(
        {
            "whole": whole.choices[0].message.content,
            "streamed": streamed,
            "history": history.choices[0].message.content,
            "finish": [whole.choices[0].finish_reason, accumulated.choices[0].finish_reason],
            "tokens": [whole.usage.total_tokens, chunks[-1].usage.total_tokens],
        }
    )
)
