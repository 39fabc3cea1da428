"""One exchange with an MCP server: a request, its answer, and nothing left behind.

Source: Model Context Protocol 2026-07-28 over streamable HTTP. That version is stateless: no session that a server
opens, no question back, no push; older ones are not spoken to. Two requests are all that the gateway needs, so it
speaks them itself: a client library would bring a dozen packages and a second of loading, and follow a server's wishes.
Fails closed: an answer of any other form is no answer.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chatbot.outbound.connection import UpstreamFailed
from chatbot.outbound.tool_service import ToolService

_PROTOCOL = "2026-07-28"
_META = {
    "io.modelcontextprotocol/protocolVersion": _PROTOCOL,
    "io.modelcontextprotocol/clientInfo": {"name": "chatbot", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
_MOST_PAGES = 8
_LISTING_BYTES = 128 * 1024
_MOST_TOOLS = 128
_ROOM = 32 * 1024  # of an answer around the text that is wanted
_INFLATION = 4  # bytes of JSON that one byte of text may become: escapes, and the structured form beside it


# the kinds of content that the protocol knows besides text; whatever else a server says is not repeated
_OTHERS = frozenset({"image", "audio", "resource", "resource_link"})


class ServerFailed(Exception):
    """The server gave no answer that is one. The message is for the log."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A tool as its server describes it; `definition` is all of it in one fixed form."""

    name: str
    description: str
    definition: bytes


@dataclass(frozen=True, slots=True)
class Returned:
    """The texts of a result, the kinds of content that are no text, and whether the tool reports an error."""

    texts: list[str]
    left_out: list[str]
    is_error: bool


class _Result(BaseModel):
    """What every result has. A result that asks for something is not complete, and is not taken."""

    model_config = ConfigDict(strict=True, hide_input_in_errors=True)
    result_type: Literal["complete"] = Field(alias="resultType")


class _Page(_Result):
    tools: list[dict[str, Any]]
    next_cursor: str | None = Field(default=None, alias="nextCursor", max_length=4096)


class _Content(BaseModel):
    type: str = Field(max_length=64)
    text: str | None = None


class _Called(_Result):
    content: list[_Content]
    is_error: bool = Field(default=False, alias="isError")


Answer = TypeVar("Answer", _Page, _Called)


async def list_tools(service: ToolService) -> list[Listed]:
    """Return every tool that the server lists, as often as it lists it. Raises `ServerFailed`."""
    found: list[Listed] = []
    params: dict[str, Any] = {}
    for _ in range(_MOST_PAGES):
        page = await _ask(service, "tools/list", params, _Page, _LISTING_BYTES)
        if len(found) + len(page.tools) > _MOST_TOOLS:
            raise ServerFailed("too many tools are listed")  # before each is written out, which takes longest
        found += [_listed(tool) for tool in page.tools]
        if not page.next_cursor:
            return found
        params = {"cursor": page.next_cursor}
    raise ServerFailed("the list of tools does not end")


async def call_tool(service: ToolService, tool: str, arguments: dict[str, Any], most_bytes: int) -> Returned:
    """Call a tool; `most_bytes` bounds the text that is wanted of it. Raises `ServerFailed`."""
    params = {"name": tool, "arguments": arguments}
    called = await _ask(service, "tools/call", params, _Called, most_bytes * _INFLATION + _ROOM)
    texts = [block.text for block in called.content if block.type == "text" and block.text is not None]
    others = [block.type if block.type in _OTHERS else "other" for block in called.content if block.type != "text"]
    return Returned(texts, others, called.is_error)


def _listed(tool: dict[str, Any]) -> Listed:
    name, description = tool.get("name"), tool.get("description") or ""
    if not isinstance(name, str) or not isinstance(description, str) or not isinstance(tool.get("inputSchema"), dict):
        raise ServerFailed("a listed tool is none")
    return Listed(name, description, orjson.dumps(tool, option=orjson.OPT_SORT_KEYS))


async def _ask(
    service: ToolService, method: str, params: dict[str, Any], kind: type[Answer], most_bytes: int
) -> Answer:
    body = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": _META}})
    headers = {
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": _PROTOCOL,
        "mcp-method": method,
        **({"mcp-name": params["name"]} if "name" in params else {}),
    }
    try:
        media_type, answer = await service.post(body, headers, most_bytes)
        return kind.model_validate(_result(_messages(answer) if media_type == "text/event-stream" else iter([answer])))
    except UpstreamFailed as error:
        raise ServerFailed(str(error)) from None
    except (ValidationError, ValueError, TypeError, RecursionError) as error:
        raise ServerFailed(f"no MCP answer: {type(error).__name__}") from None


def _messages(stream: bytes) -> Iterator[bytes]:
    """Yield the data of each server-sent event (HTML standard, section 9.2)."""
    for event in stream.replace(b"\r\n", b"\n").split(b"\n\n"):
        if data := [line[5:].removeprefix(b" ") for line in event.split(b"\n") if line.startswith(b"data:")]:
            yield b"\n".join(data)


def _result(messages: Iterator[bytes]) -> dict[str, Any]:
    """Return the result of our request (JSON-RPC 2.0). What comes before it is passed over: notes need no answer."""
    for text in messages:
        message = orjson.loads(text)
        if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
            raise ValueError("not JSON-RPC")
        if type(message.get("id")) is int and message["id"] == 1 and "method" not in message:
            if not isinstance(message.get("result"), dict):
                raise ValueError("an error, or no result")
            result: dict[str, Any] = message["result"]
            return result
    raise ValueError("no answer to our request")
