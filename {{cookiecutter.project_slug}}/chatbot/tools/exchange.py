"""One exchange with an MCP server: a request, its answer, and nothing left behind.

The only module that imports the MCP library, which is large: it is loaded when the first tool is needed.
Each exchange has a client of its own, so that nothing of one call can meet another; the connections below
are kept (chatbot/outbound). Protocol 2026-07-28 only: stateless, so a server cannot open a session, ask back
or push. The library's own cache and output check are not used: a result is text to be quoted, whatever its
server promised about it.
"""

import logging
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import (
    CallToolRequest,
    CallToolRequestParams,
    CallToolResult,
    ListToolsRequest,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
)
from pydantic import BaseModel

from chatbot.outbound.tool_transport import ToolService, ToolTransport, open_client

_PROTOCOL = "2026-07-28"
_MOST_PAGES = 8
_LISTING_BYTES = 128 * 1024
_MOST_TOOLS = 128
_ROOM = 32 * 1024  # of an answer around the text that is wanted
_INFLATION = 4  # bytes of JSON that one byte of text may become: escapes, and the structured form beside it

# it logs what servers send; the gateway's own lines say what happened, without that
logging.getLogger("mcp").setLevel(logging.CRITICAL)

Answer = TypeVar("Answer", bound=BaseModel)


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


async def list_tools(service: ToolService) -> list[Listed]:
    """Return every tool that the server lists, as often as it lists it. Raises `ServerFailed`."""
    found: list[Listed] = []
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        request = ListToolsRequest(params=PaginatedRequestParams(cursor=cursor))
        page = await _ask(service, request, ListToolsResult, _LISTING_BYTES)
        if len(found) + len(page.tools) > _MOST_TOOLS:
            raise ServerFailed("too many tools are listed")  # before each is written out, which takes longest
        for tool in page.tools:
            whole = tool.model_dump(mode="json", by_alias=True, exclude_none=True)
            found.append(Listed(tool.name, tool.description or "", orjson.dumps(whole, option=orjson.OPT_SORT_KEYS)))
        cursor = page.next_cursor
        if not cursor:
            return found
    raise ServerFailed("the list of tools does not end")


async def call_tool(service: ToolService, tool: str, arguments: dict[str, Any], most_bytes: int) -> Returned:
    """Call a tool; `most_bytes` bounds the text that is wanted of it. Raises `ServerFailed`."""
    request = CallToolRequest(params=CallToolRequestParams(name=tool, arguments=arguments))
    result = await _ask(service, request, CallToolResult, most_bytes * _INFLATION + _ROOM)
    texts = [block.text for block in result.content if isinstance(block, TextContent)]
    others: list[str] = [block.type for block in result.content if not isinstance(block, TextContent)]
    return Returned(texts, others, bool(result.is_error))


async def _ask(
    service: ToolService, request: ListToolsRequest | CallToolRequest, kind: type[Answer], most_bytes: int
) -> Answer:
    transport = ToolTransport(service, most_bytes)
    try:
        async with open_client(transport) as http:
            streams = streamable_http_client(
                service.url, http_client=http, terminate_on_close=False, max_sse_event_size=most_bytes
            )
            async with Client(streams, mode=_PROTOCOL, cache=None) as client:
                return await client.session.send_request(request, kind)
    except Exception as error:  # whatever a hostile answer makes the library raise is the same to us
        raise ServerFailed(transport.failure or f"no MCP answer: {type(error).__name__}") from None
