"""What a session tells, beside the events of its transport: agents, tools, history and captions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, ClassVar, Literal

from attrs import field, frozen

from offhook.agent import RealtimeAgent
from offhook.agent_events import AgentEventTypes
from offhook.events import Event, FunctionCall, Usage
from offhook.guardrail import Guardrail
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
class McpToolsChanged(Event):
    """Other hosted tools are there than before: ``tools`` are the definitions that the servers gave."""

    hook: ClassVar[str] = "mcp_tools_changed"
    tools: tuple[Mapping[str, Any], ...]


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


@frozen(kw_only=True, slots=False)
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
    """The history changed at ``item_id``: a patch, and the whole.

    ``item`` is what it is now, ``None`` where it is gone; it follows ``previous_item_id``, ``None`` for the front.
    ``history`` is the whole of it when you ask: made then, so that an update costs the same at item 2 and at item 2,000.
    """

    hook: ClassVar[str] = "history_updated"
    item_id: str
    item: ConversationItem | None = None
    previous_item_id: str | None = None
    _history: Callable[[], tuple[ConversationItem, ...]] = field(repr=False, eq=False, alias="history")

    @property
    def history(self) -> tuple[ConversationItem, ...]:
        """The whole history, in order, as it is now."""
        return self._history()


@frozen(kw_only=True)
class GuardrailTripped(Event):
    """A guardrail tripped: on what the assistant said, which is about to be stopped, or on what the user said.

    ``text`` is all that was checked, ``info`` what the check found: both may hold what people said. ``response_id`` is the
    turn's id, where there are turns.
    """

    hook: ClassVar[str] = "guardrail_tripped"
    agent: RealtimeAgent
    guardrail: Guardrail
    kind: Literal["output", "input"]
    info: Any = field(default=None, repr=False)
    item_id: str | None = None
    response_id: str | None = None
    text: str = field(default="", repr=False)


@frozen(kw_only=True)
class TurnTiming(Event):
    """How fast a turn was, told when it is over and was heard. ``None``: not known, or there was no such thing.

    Where there are no turns, it is told of each utterance. Times are whole ms, as this side learned of things.
    """

    hook: ClassVar[str] = "turn_timing"
    turn_id: str | None = None
    response_id: str | None = None
    #: From the end of the user's speech to the first audio, as it was received and as it was played.
    first_audio_ms: int | None = None
    first_played_ms: int | None = None
    #: How long tools worked between the turn before and this one.
    tool_ms: int | None = None
    #: From the wish for silence (the user spoke, or ``interrupt()``) to the moment it was granted.
    interrupt_ms: int | None = None
    usage: Usage | None = None
    #: What ``usage`` costs, by the session's ``prices``.
    cost: Decimal | None = None


class RealtimeSessionEventTypes(AgentEventTypes, RealtimeTransportEventTypes):
    """What a session tells: every event of its transport, what its agents do, and these."""

    @hookspec
    def mcp_tools_changed(self, event: McpToolsChanged) -> None:
        """Other hosted tools are there than before."""

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

    @hookspec
    def turn_timing(self, event: TurnTiming) -> None:
        """A turn is over and was heard: how fast it was."""

    @hookspec
    def guardrail_tripped(self, event: GuardrailTripped) -> None:
        """A guardrail tripped."""
