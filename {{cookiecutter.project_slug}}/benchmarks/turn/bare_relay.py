"""The usual relay without any control, for comparison: FastAPI and httpx, nothing else."""

import sys

import httpx2
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

app = FastAPI()
client = httpx2.AsyncClient(timeout=30, trust_env=False)


@app.post("/chat")
async def chat(request: Request) -> StreamingResponse:
    question = (await request.json())["question"]
    body = {"model": "mock", "stream": True, "messages": [{"role": "user", "content": question}]}

    async def relay():
        async with client.stream("POST", f"http://127.0.0.1:{sys.argv[2]}/v1/chat/completions", json=body) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("data: "):
                    yield line + "\n\n"

    return StreamingResponse(relay(), media_type="text/event-stream")


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=False, log_level="warning")
