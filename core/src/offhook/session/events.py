"""What a session tells, beside the events of its transport: agents, tools, history and captions."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

from attrs import field, frozen

from offhook.agent import RealtimeAgent
from offhook.agent_events import AgentEventTypes
from offhook.events import Event, FunctionCall
from offhook.hookspecs import RealtimeTransportEventTypes, hookspec
from offhook.items import ConversationItem, McpApprovalRequestItem
from offhook.tool import FunctionTool


@frozen(kw_only=True)
class ToolApprovalRequested(Event):
    """A call waits for a person: ``session.approve(event)`` or ``session.reject(event)``.

    Of a function tool, ``tool`` and ``call`` are given; of a hosted MCP tool, which the service runs, ``item``.
    """

    hook: ClassVar[str] = "tool_approval_requested"
    agent: RealtimeAgent
    tool: FunctionTool | None = None
    call: FunctionCall | None = None
    item: McpApprovalRequestItem | None = None
    #: The connection that it belongs to.
    origin: object = field(repr=False)

    @property
    def tool_name(self) -> str:
        """The tool's name; of a hosted one, with its server's label."""
        if self.item is not None:
            return f"{self.item.server_label}/{self.item.name}"
        return self.tool.name if self.tool else ""

    @property
    def arguments(self) -> str:
        """What the model wants to call it with, as JSON text."""
        return self.call.arguments if self.call else self.item.arguments if self.item else ""


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


class RealtimeSessionEventTypes(AgentEventTypes, RealtimeTransportEventTypes):
    """What a session tells: every event of its transport, what its agents do, and these."""

    @hookspec
    def tool_approval_requested(self, event: ToolApprovalRequested) -> None:
        """A call waits for a person."""

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
