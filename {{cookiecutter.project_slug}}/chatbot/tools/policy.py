"""Who may call which tool (a first part of mcp-access). The table is in the settings, the mechanism here.

Stops a model, whoever steers it, from calling anything that an operator did not list for this person's role.
Fails closed: a tool without a rule does not exist, a rule without roles is nobody's, and a tool with an
effect or a way out is refused as soon as somebody else's text is in the context.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chatbot.config.settings import ToolRule
from chatbot.core.principal import Principal
from chatbot.tools.arguments import ArgumentChecker
from chatbot.tools.calls import ToolRefused, Verdict

_NO_SUCH_TOOL = "There is no such tool."


@dataclass(frozen=True, slots=True)
class PermittedTool:
    """A tool that the policy lets this principal use now. Made by `ToolPolicy` alone."""

    name: str
    rule: ToolRule
    checker: ArgumentChecker

    @property
    def at_server(self) -> str:
        """The tool's name at its server."""
        return self.rule.tool or self.name

    def read_arguments(self, text: str) -> dict[str, Any]:
        """Return the arguments, judged. Raises `ToolRefused`."""
        return self.checker.read(text)


class ToolPolicy:
    """The rules. Raises `BadSchema` when one of their schemas would not hold."""

    def __init__(self, rules: dict[str, ToolRule]) -> None:
        self._tools = {name: PermittedTool(name, rule, ArgumentChecker(rule.arguments)) for name, rule in rules.items()}

    def list_for(self, who: Principal) -> Iterator[PermittedTool]:
        """Yield the tools of the principal's role."""
        return (tool for tool in self._tools.values() if who.role in tool.rule.roles)

    def permit(self, who: Principal, name: str, *, untrusted: bool) -> PermittedTool:
        """Return the tool `name` for `who`. `untrusted`: somebody else's text is in the context. Raises `ToolRefused`.

        The place of mcp-approval: there, the user's approval of the very call takes the refusal's place.
        """
        tool = self._tools.get(name)
        if tool is None:
            raise ToolRefused(Verdict.UNKNOWN, _NO_SUCH_TOOL)
        if who.role not in tool.rule.roles:
            raise ToolRefused(Verdict.ROLE, _NO_SUCH_TOOL)  # what others may use is not told
        if untrusted and (tool.rule.effect != "none" or tool.rule.sends_out):
            raise ToolRefused(
                Verdict.UNTRUSTED,
                "This tool has an effect, or sends data out. It is not used while texts of others are in the context.",
            )
        return tool
