"""Chats by LiteLLM. Usage: with_litellm.py URL CONVERSATION, the key in OPENAI_API_KEY."""

import json
import sys
from pathlib import Path

import litellm

url, conversation = sys.argv[1], json.loads(Path(sys.argv[2]).read_text())
asked = {"model": "openai/chatbot", "api_base": url, "num_retries": 0}
whole = litellm.completion(messages=conversation["question"], **asked)
chunks = list(
    litellm.completion(messages=conversation["question"], stream=True, stream_options={"include_usage": True}, **asked)
)
streamed = litellm.stream_chunk_builder(chunks)
history = litellm.completion(messages=conversation["history"], **asked)
litellm.completion(messages=[*conversation["question"], whole.choices[0].message, *conversation["question"]], **asked)
print(
    json.dumps(
        {
            "whole": whole.choices[0].message.content,
            "streamed": streamed.choices[0].message.content,
            "history": history.choices[0].message.content,
            "finish": [part.choices[0].finish_reason for part in (whole, streamed)],
            "tokens": [part.usage.total_tokens for part in (whole, streamed)],
        }
    )
)
