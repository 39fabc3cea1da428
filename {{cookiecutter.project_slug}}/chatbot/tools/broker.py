"""The tool gateway: every call of every tool goes through `ToolBroker.call`, and reads as its steps there."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from chatbot.core.principal import Principal
from chatbot.core.untrusted import Untrusted
from chatbot.model.port import ToolOffer
from chatbot.outbound.tool_service import ToolService
from chatbot.tools.audit import audit_call
from chatbot.tools.calls import ToolCall, ToolRefused, ToolResult, Verdict
from chatbot.tools.catalogue import Catalogue
from chatbot.tools.exchange import ServerFailed, call_tool
from chatbot.tools.policy import PermittedTool, ToolPolicy
from chatbot.tools.results import take_text

_MOST_AT_ONCE = 16  # of one server in this process: so many results at most are in memory
_NO_ANSWER = "The tool did not answer. Go on without it."


@dataclass(frozen=True, slots=True)
class _Server:
    service: ToolService
    catalogue: Catalogue
    # of its own: a slow server holds up nobody else's tools
    places: asyncio.Semaphore


class ToolBroker:
    """Offers tools to a principal's turns and calls them."""

    def __init__(self, policy: ToolPolicy, services: dict[str, ToolService]) -> None:
        self._policy = policy
        self._servers = {
            name: _Server(service, Catalogue(name, service), asyncio.Semaphore(_MOST_AT_ONCE))
            for name, service in services.items()
        }

    def open(self) -> None:
        """Begin to ask every server what it offers. Needs a running loop."""
        for server in self._servers.values():
            server.catalogue.begin()

    async def offers(self, who: Principal) -> tuple[ToolOffer, ...]:
        """Return what the model may be offered for `who`: permitted by the policy, and there at its server."""
        offered = []
        for tool in self._policy.list_for(who):
            definition = (await self._servers[tool.rule.server].catalogue.tools()).get(tool.at_server)
            if definition is not None:
                description = tool.rule.description or definition.description
                offered.append(ToolOffer(tool.name, description, tool.rule.arguments))
        return tuple(offered)

    async def call(self, who: Principal, call: ToolCall, *, untrusted: bool, most_seconds: float) -> ToolResult:
        """Judge and make one call for `who`, in `most_seconds` or what the policy allows. Never raises: see `verdict`.

        `untrusted`: somebody else's text is in the context that made the model ask.
        """
        started, why = time.perf_counter(), ""
        try:
            tool = self._policy.permit(who, call.name, untrusted=untrusted)
            arguments = tool.read_arguments(call.arguments)
            result = await self._run(tool, arguments, min(tool.rule.seconds, most_seconds))
        except ToolRefused as refusal:
            result = ToolResult(Untrusted(refusal.reason, "tool gateway"), refusal.verdict, refusal.reason)
            why = str(refusal.__cause__ or "")
        audit_call(who, call, result, why, (time.perf_counter() - started) * 1000)
        return result

    def refuse(self, who: Principal, call: ToolCall, reason: str) -> ToolResult:
        """Refuse a call that goes beyond what one turn may ask, and leave the trace of it."""
        result = ToolResult(Untrusted(reason, "tool gateway"), Verdict.LIMIT, reason)
        audit_call(who, call, result, "", 0.0)
        return result

    async def close(self) -> None:
        """Give connections back."""
        for server in self._servers.values():
            await server.catalogue.close()
            await server.service.close()

    async def _run(self, tool: PermittedTool, arguments: dict[str, Any], seconds: float) -> ToolResult:
        server = self._servers[tool.rule.server]
        if tool.at_server not in await server.catalogue.tools():
            raise ToolRefused(Verdict.UNKNOWN, "The tool is not there at the moment. Go on without it.")
        try:
            async with asyncio.timeout(seconds), server.places:
                returned = await call_tool(server.service, tool.at_server, arguments, tool.rule.most_bytes)
        except TimeoutError as error:
            raise ToolRefused(Verdict.SLOW, "The tool took too long. Go on without it.") from error
        except ServerFailed as error:
            raise ToolRefused(Verdict.UNAVAILABLE, _NO_ANSWER) from error
        source = f"{tool.rule.server}/{tool.name}"
        text = take_text(returned.texts, returned.left_out, source, tool.rule.most_bytes)
        if returned.is_error:
            return ToolResult(text, Verdict.ERROR, "The tool could not do it.")
        return ToolResult(text, Verdict.DONE)
