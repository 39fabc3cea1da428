"""`chatbot ask` and `chatbot ingest`: the main job from a terminal."""

import json
import sys
import time
from pathlib import Path
from typing import Any

from chatbot.core.visible import VisibleStream, visible_json, visible_text
from chatbot.operations.client import Client, ClientFailed, text_of

_PATIENCE_SECONDS = 120
_PAUSE_SECONDS = 0.3
_MODELS = {True: "chatbot", False: "chatbot-without-documents"}


def ask(client: Client, question: str, *, search: bool, as_json: bool) -> int:
    """Print the answer as it comes, then its sources; with `as_json` one document. Returns the exit status."""
    cut = False
    texts: list[str] = []
    seen = VisibleStream()
    sources: list[dict[str, Any]] = []
    body = {"model": _MODELS[search], "messages": [{"role": "user", "content": question}], "stream": True}
    for event in client.events("/v1/chat/completions", body):
        piece, reason = text_of(event)
        texts.append(seen.feed(piece))
        sources = event.get("citations", sources)
        cut = cut or reason == "length"
        if not as_json:
            print(texts[-1], end="", flush=True)
    texts.append(seen.finish())
    text = "".join(texts)
    cited = [source for source in sources if f"[{source['number']}]" in text]
    if as_json:
        print(json.dumps({"answer": text, "sources": visible_json(cited), "complete": not cut}))
        return 0
    print(f"{texts[-1]}\n(The answer reached its limit.)" if cut else texts[-1])
    for source in cited:
        print(printable(f"[{source['number']}] " + " — ".join(filter(None, (source["title"], source["section"])))))
    return 0


def ingest(client: Client, files: list[Path], *, shared: bool, as_json: bool) -> int:
    """Upload files and wait until each is searchable or refused. Returns 0, or 1 when one was refused."""
    end = time.monotonic() + _PATIENCE_SECONDS
    outcomes = [_upload(client, file, end, shared=shared) for file in files]
    while any(outcome["status"] == "queued" for outcome in outcomes) and time.monotonic() < end:
        listed = {entry["id"]: entry for entry in client.list_documents()}
        for outcome in outcomes:
            found = listed.get(outcome["id"])
            if outcome["status"] == "queued" and found and found["status"] != "queued":
                outcome |= {"status": found["status"], "problem": found["problem"]}
        _show_progress(outcomes)
        time.sleep(_PAUSE_SECONDS)  # between two looks at the server
    if as_json:
        print(json.dumps(outcomes))
    else:
        for outcome in outcomes:
            print(printable(f"{outcome['status']:<7} {outcome['file']}  {outcome['problem'] or ''}".rstrip()))
    return 0 if all(outcome["status"] == "ready" for outcome in outcomes) else 1


def printable(text: str) -> str:
    """Return text that cannot move the cursor, recolour, retitle, turn round or type into a terminal."""
    return visible_text(text)


def _upload(client: Client, file: Path, end: float, *, shared: bool) -> dict[str, Any]:
    outcome: dict[str, Any] = {"file": str(file), "id": None, "status": "failed", "problem": None}
    try:
        body = file.read_bytes()
        while (identifier := client.upload(file.name, body, shared=shared)) is None:
            if time.monotonic() > end:
                return outcome | {"problem": "Too many documents wait to be read. Try again later."}
            time.sleep(_PAUSE_SECONDS)  # until some of them are read
    except OSError as error:
        return outcome | {"problem": f"It cannot be read: {error.strerror}."}
    except UnicodeError:
        return outcome | {"problem": "Its name is not text. Rename it."}
    except ClientFailed as failure:
        return outcome | {"problem": str(failure)}
    return outcome | {"id": identifier, "status": "queued"}


def _show_progress(outcomes: list[dict[str, Any]]) -> None:
    if sys.stderr.isatty():
        done = sum(outcome["status"] != "queued" for outcome in outcomes)
        print(f"\r{done} of {len(outcomes)} read", end="\n" if done == len(outcomes) else "", file=sys.stderr)
