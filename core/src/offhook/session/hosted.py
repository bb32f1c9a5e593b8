"""Hosted MCP tools, which the service runs by itself: which there are, and speaking about what they gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from attrs import define, field

from offhook.events import McpToolCallCompleted, McpToolsListed
from offhook.mcp import HostedMcpTool
from offhook.session.agents import Agents
from offhook.session.asking import Asking
from offhook.session.conversation import Conversation
from offhook.session.events import McpToolsChanged

Definition = Mapping[str, Any]


@define(eq=False)
class Hosted:
    """The hosted tools of the agent in charge."""

    conversation: Conversation
    agents: Agents
    asking: Asking
    #: Whether the model is asked to speak about what a tool gave.
    replies: bool = True
    tools: tuple[Definition, ...] = field(init=False, default=())
    _listed: dict[str, tuple[Definition, ...]] = field(init=False, factory=dict[str, "tuple[Definition, ...]"])

    # Events.

    def mcp_tools_listed(self, event: McpToolsListed) -> None:
        """A server told its tools."""
        self._listed[event.server_label] = event.tools
        self.refresh()

    def mcp_tool_call_completed(self, _: McpToolCallCompleted) -> None:
        """The service called a tool: unlike after a function's output, nobody but us asks for a reply."""
        if self.replies:
            self.asking.ask()

    def refresh(self) -> None:
        """Look again at what the agent in charge may use; tells of it if other names came out than before."""
        before, self.tools = self.tools, _by_name(self._allowed())
        if {tool.get("name", "") for tool in before} != {tool.get("name", "") for tool in self.tools}:
            self.conversation.emit(McpToolsChanged(tools=self.tools))

    def _allowed(self) -> list[Definition]:
        return [
            tool
            for server in self.agents.current.hosted
            for tool in self._listed.get(server.server_label, ())
            if _allows(server, tool.get("name", ""))
        ]


def _allows(server: HostedMcpTool, name: str) -> bool:
    allowed = server.allowed_tools
    if isinstance(allowed, Mapping):
        allowed = cast("Sequence[str] | None", allowed.get("tool_names"))
    return allowed is None or name in allowed


def _by_name(tools: Sequence[Definition]) -> tuple[Definition, ...]:
    """Leave out what has a name that was there before: the model cannot tell the two apart either."""
    return tuple({tool.get("name", ""): tool for tool in reversed(tools)}.values())[::-1]
