"""What an application author writes: who the model is, and what it can do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from attrs import field, frozen

from offhook.agent_events import AgentEventTypes
from offhook.context import RunContext
from offhook.emitter import Emitter
from offhook.errors import ToolError
from offhook.handoffs import Handoff
from offhook.mcp import HostedMcpTool, McpServer
from offhook.tool import FunctionTool

T = TypeVar("T")
#: What the agent is told about itself: a text, or a function of the context (a coroutine function too).
Instructions: TypeAlias = str | Callable[[RunContext[Any]], str | Awaitable[str]]
#: Agents that may know each other are named by a function, which is called when one of them takes over.
Handoffs: TypeAlias = Sequence["RealtimeAgent | Handoff"] | Callable[[], Sequence["RealtimeAgent | Handoff"]]


def _several(given: Iterable[T]) -> tuple[T, ...]:
    if not isinstance(given, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]  # not everyone has a checker
        raise ToolError(f"an agent was given {given!r} alone, where it takes several. Put it in a list.")
    return tuple(given)


@frozen(kw_only=True, eq=False)
class RealtimeAgent:
    """An agent: its instructions, its voice, its tools, and the agents it may hand the conversation to.

    ``prompt`` is the reference of a prompt that the service keeps: ``{"id": …, "version": …, "variables": {…}}``.
    ``voice`` is one of the service's names; ``None`` leaves the choice to the session config. Raises ``ToolError`` where
    two tools have one name, or one is no tool.
    """

    name: str
    instructions: Instructions = ""
    prompt: Mapping[str, Any] | None = None
    tools: tuple[FunctionTool | HostedMcpTool, ...] = field(default=(), converter=_several)
    mcp_servers: tuple[McpServer, ...] = field(default=(), converter=_several)
    handoffs: Handoffs = ()
    #: When to hand over to this agent, for the agents that may.
    handoff_description: str = ""
    voice: str | None = None
    _emitter: Emitter = field(init=False, repr=False, factory=lambda: Emitter(AgentEventTypes))

    def __attrs_post_init__(self) -> None:
        for server in self.mcp_servers:
            if not all(hasattr(server, command) for command in ("connect", "tools", "close")):
                raise ToolError(
                    f"agent {self.name!r} was given {server!r} as an MCP server. Pass LocalMcpServer(…); one that the "
                    "service asks itself is a tool: tools=[HostedMcpTool(…)]."
                )
        for tool in self.tools:
            if not isinstance(tool, (FunctionTool, HostedMcpTool)):  # pyright: ignore[reportUnnecessaryIsInstance]  # not everyone has a checker
                raise ToolError(
                    f"agent {self.name!r} was given {tool!r} as a tool. Decorate the function with @function_tool, or pass "
                    "function_tool(…)."
                )
        names = [tool.name for tool in self.tools if isinstance(tool, FunctionTool)]
        doubles = sorted({name for name in names if names.count(name) > 1})
        if doubles:
            raise ToolError(
                f"agent {self.name!r} has several tools named {', '.join(doubles)}, which the model cannot tell apart. "
                "Give each a name of its own: function_tool(name=…)."
            )

    def on(self, name: str, listener: Callable[[Any], object]) -> Callable[[], None]:
        """Call ``listener`` with what this agent does in any session; gives a function that ends it.

        ``name`` is ``agent_start``, ``agent_end``, ``agent_handoff`` (to this agent), ``agent_tool_start`` or
        ``agent_tool_end``. Raises ``ContractError`` for another one.
        """
        return self._emitter.on(name, listener)
