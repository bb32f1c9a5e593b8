"""An agent made ready to talk: its instructions worked out, and its tools as they are enabled now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from attrs import Factory, frozen

from offhook.agent import RealtimeAgent
from offhook.context import RunContext
from offhook.errors import ToolError
from offhook.function import ask
from offhook.handoffs import Handoff, as_handoffs
from offhook.mcp import HostedMcpTool
from offhook.schema import Json
from offhook.session.servers import Servers
from offhook.tool import Enabled, FunctionTool


@frozen(kw_only=True)
class ReadyAgent:
    """What an agent turned out to be when it took over; calls of its turns are served by these tools, whoever comes next."""

    agent: RealtimeAgent
    instructions: str = ""
    tools: Mapping[str, FunctionTool] = Factory(dict[str, FunctionTool])
    handoffs: Mapping[str, Handoff] = Factory(dict[str, Handoff])
    hosted: tuple[HostedMcpTool, ...] = ()

    def to_wire(self) -> tuple[Json, ...]:
        """Give the definitions of all tools, as the model is shown them."""
        return tuple(tool.to_wire() for tool in (*self.tools.values(), *self.hosted, *self.handoffs.values()))


async def prepare(agent: RealtimeAgent, context: RunContext[Any], servers: Servers) -> ReadyAgent:
    """Work out what the agent is now.

    Raises ``ToolError`` where two of its tools and handoffs have one name, and whatever its own functions and servers raise.
    """
    functions = [tool for tool in agent.tools if isinstance(tool, FunctionTool)]
    for server in agent.mcp_servers:
        functions += await servers.tools_of(server)
    tools = [tool for tool in functions if await holds(tool.is_enabled, context)]
    handoffs = [entry for entry in as_handoffs(agent.handoffs, agent.name) if await holds(entry.is_enabled, context)]
    _refuse_doubles(agent, tools, handoffs)
    return ReadyAgent(
        agent=agent,
        instructions=await _instructions(agent, context),
        tools={tool.name: tool for tool in tools},
        handoffs={entry.tool_name: entry for entry in handoffs},
        hosted=tuple(tool for tool in agent.tools if isinstance(tool, HostedMcpTool)),
    )


async def holds(condition: Enabled, context: RunContext[Any]) -> bool:
    """Tell whether the condition holds now."""
    return condition if isinstance(condition, bool) else bool(await ask(condition, context))


async def _instructions(agent: RealtimeAgent, context: RunContext[Any]) -> str:
    given = agent.instructions
    text: object = await ask(given, context) if callable(given) else given
    if not isinstance(text, str):
        raise ToolError(
            f"the instructions of agent {agent.name!r} are {type(text).__name__}. Give text, or a function that gives it."
        )
    return text


def _refuse_doubles(agent: RealtimeAgent, tools: list[FunctionTool], handoffs: list[Handoff]) -> None:
    origins = [(tool.name, "a tool") for tool in tools]
    origins += [(entry.tool_name, f"the handoff to {entry.agent.name!r}") for entry in handoffs]
    count = Counter(name for name, _ in origins)
    doubles = sorted(name for name, times in count.items() if times > 1)
    if doubles:
        told = "; ".join(
            f"{name!r} is {' and '.join(origin for other, origin in origins if other == name)}" for name in doubles
        )
        raise ToolError(
            f"agent {agent.name!r} has tools that the model cannot tell apart: {told}. Give each a name of its own: "
            "function_tool(name=…), handoff(agent, tool_name=…)."
        )
