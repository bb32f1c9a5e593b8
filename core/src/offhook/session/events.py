"""What a session tells, beside the events of its transport: agents, tools, history and captions."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

from attrs import field, frozen

from offhook.agent import RealtimeAgent
from offhook.events import Event, FunctionCall
from offhook.hookspecs import RealtimeTransportEventTypes, hookspec
from offhook.items import ConversationItem
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


@frozen(kw_only=True)
class AudioStart(Event):
    """The first audio of a turn, or after an interruption, is about to come."""

    hook: ClassVar[str] = "audio_start"
    agent: RealtimeAgent


@frozen(kw_only=True)
class AudioStopped(Event):
    """All audio of an item has been received; it may still be playing, unless it came at the pace of speech."""

    hook: ClassVar[str] = "audio_stopped"
    agent: RealtimeAgent


@frozen(kw_only=True)
class TranscriptEvent(Event):
    """Words of either side, as they come: ``delta`` is new, ``text`` is all of it so far."""

    hook: ClassVar[str] = "transcript"
    role: Literal["user", "assistant"]
    text: str
    delta: str = ""
    final: bool = False
    item_id: str | None = None


@frozen(kw_only=True)
class HistoryAdded(Event):
    """An item was seen for the first time; it may still be empty."""

    hook: ClassVar[str] = "history_added"
    item: ConversationItem


@frozen(kw_only=True)
class HistoryUpdated(Event):
    """The history changed at ``item_id``.

    ``history`` is the whole of it when you ask: made then, so that an update costs the same at item 2 and at item 2,000.
    """

    hook: ClassVar[str] = "history_updated"
    item_id: str
    _history: Callable[[], tuple[ConversationItem, ...]] = field(repr=False, eq=False, alias="history")

    @property
    def history(self) -> tuple[ConversationItem, ...]:
        """The whole history, in order, as it is now."""
        return self._history()


class RealtimeSessionEventTypes(RealtimeTransportEventTypes):
    """What a session tells: every event of its transport, and these."""

    @hookspec
    def agent_start(self, event: AgentStart) -> None:
        """The agent began a turn."""

    @hookspec
    def agent_end(self, event: AgentEnd) -> None:
        """The agent ended a turn."""

    @hookspec
    def agent_tool_start(self, event: ToolStart) -> None:
        """A tool is about to run."""

    @hookspec
    def agent_tool_end(self, event: ToolEnd) -> None:
        """A tool's output was sent."""

    @hookspec
    def audio_start(self, event: AudioStart) -> None:
        """The first audio of a turn is about to come."""

    @hookspec
    def audio_stopped(self, event: AudioStopped) -> None:
        """All audio of an item has been received."""

    @hookspec
    def transcript(self, event: TranscriptEvent) -> None:
        """Words of either side."""

    @hookspec
    def history_added(self, event: HistoryAdded) -> None:
        """An item is new."""

    @hookspec
    def history_updated(self, event: HistoryUpdated) -> None:
        """The history changed."""
