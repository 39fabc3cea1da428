"""Chats by LangChain's client. Usage: with_langchain.py URL CONVERSATION, the key in OPENAI_API_KEY."""

import json
import sys
from pathlib import Path

from langchain_core.messages import convert_to_messages
from langchain_openai import ChatOpenAI

url, conversation = sys.argv[1], json.loads(Path(sys.argv[2]).read_text())
model = ChatOpenAI(base_url=url, model="chatbot", max_retries=0, stream_usage=True)
question = convert_to_messages(conversation["question"])
whole = model.invoke(question)
streamed = None
for chunk in model.stream(question):
    streamed = chunk if streamed is None else streamed + chunk
history = model.invoke(convert_to_messages(conversation["history"]))
# an answer of its own that it sends back, with all that it put into it
model.invoke([*question, whole, *question])
print(
    json.dumps(
        {
            "whole": whole.content,
            "streamed": streamed.content,
            "history": history.content,
            "finish": [part.response_metadata["finish_reason"] for part in (whole, streamed)],
            "tokens": [part.usage_metadata["total_tokens"] for part in (whole, streamed)],
        }
    )
)
