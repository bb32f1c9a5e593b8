"""What an agent does, as events: told by its session, and by the agent itself in whatever session it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from attrs import frozen

from offhook.events import Event, FunctionCall
from offhook.hookspecs import hookspec

if TYPE_CHECKING:
    from offhook.agent import RealtimeAgent
    from offhook.tool import FunctionTool


@frozen(kw_only=True)
class AgentStart(Event):
    """The agent began a turn."""

    hook: ClassVar[str] = "agent_start"
    agent: RealtimeAgent
    turn_id: str


@frozen(kw_only=True)
class AgentEnd(Event):
    """The agent ended a turn. ``text`` is the last thing it said or wrote in it, empty if it only called tools."""

    hook: ClassVar[str] = "agent_end"
    agent: RealtimeAgent
    turn_id: str
    text: str = ""


@frozen(kw_only=True)
class AgentHandoff(Event):
    """The conversation went from one agent to another."""

    hook: ClassVar[str] = "agent_handoff"
    from_agent: RealtimeAgent
    to_agent: RealtimeAgent


@frozen(kw_only=True)
class ToolStart(Event):
    """A tool is about to run."""

    hook: ClassVar[str] = "agent_tool_start"
    agent: RealtimeAgent
    tool: FunctionTool
    call: FunctionCall


@frozen(kw_only=True)
class ToolEnd(Event):
    """A tool's output was sent."""

    hook: ClassVar[str] = "agent_tool_end"
    agent: RealtimeAgent
    tool: FunctionTool
    call: FunctionCall
    output: str


class AgentEventTypes:
    """What ``RealtimeAgent.on`` may be told."""

    @hookspec
    def agent_start(self, event: AgentStart) -> None:
        """The agent began a turn."""

    @hookspec
    def agent_end(self, event: AgentEnd) -> None:
        """The agent ended a turn."""

    @hookspec
    def agent_handoff(self, event: AgentHandoff) -> None:
        """The conversation was handed over: of an agent, to it."""

    @hookspec
    def agent_tool_start(self, event: ToolStart) -> None:
        """A tool is about to run."""

    @hookspec
    def agent_tool_end(self, event: ToolEnd) -> None:
        """A tool's output was sent."""
