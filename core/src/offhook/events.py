"""What a transport tells: one frozen value per event, one hook per event in ``offhook.hookspecs``.

Times are whole milliseconds on the transport's ``timeline``, sizes are bytes, ids are strings. Ids are optional wherever
some speech API has none; ``epoch`` guards interruption for all of them: after ``audio_interrupted(epoch=n)`` no audio
with an epoch up to n is delivered. Fields may be added, always with a default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias

from attrs import Factory, field, frozen

from offhook.audio.formats import PCM16_24K, AudioFormat
from offhook.config import UNSET, Maybe
from offhook.items import ConversationItem, McpApprovalRequestItem, McpCallItem

Status: TypeAlias = Literal["connecting", "connected", "disconnecting", "disconnected"]


@frozen(kw_only=True)
class Event:
    """Base of all events. ``hook`` is the event's name, in hook specifications and for ``.on``."""

    hook: ClassVar[str]

    #: Milliseconds of audio inside: queues bound audio by its duration, everything else by count.
    audio_ms: ClassVar[float] = 0.0


@frozen(kw_only=True)
class RawEvent(Event):
    """A frame as the service sent it, decoded from JSON and otherwise untouched. Emitted first, under ``"*"``."""

    hook: ClassVar[str] = "raw_event"
    payload: Mapping[str, Any]
    #: ``received`` from the service; ``local`` for an event of a newer contract that this core has no hook for.
    direction: Literal["received", "local"] = "received"
    #: Milliseconds of audio that the frame carries.
    audio_ms: float = 0.0  # pyright: ignore[reportIncompatibleVariableOverride]  # frozen, so read-only as in the base


@frozen(kw_only=True)
class ErrorEvent(Event):
    """Something went wrong. ``fatal`` says whether the connection is lost with it.

    ``command_id`` is the id of the client event that caused it, where the service says so; ``request_id`` that of the wish
    for a reply which this ends.
    """

    hook: ClassVar[str] = "error"
    message: str
    code: str | None = None
    param: str | None = None
    command_id: str | None = None
    fatal: bool = False
    cause: BaseException | None = field(default=None, eq=False)
    request_id: str | None = None


@frozen(kw_only=True)
class ConnectionChange(Event):
    """The connection's status changed; see the life cycle in ``offhook.transport``.

    ``finalised``: the service confirmed the end. ``recoverable``: connecting again may help.
    """

    hook: ClassVar[str] = "connection_change"
    status: Status
    reason: Literal["requested", "expired", "content", "remote_hangup", "lost", "error"] | None = None
    code: int | None = None
    finalised: bool = False
    recoverable: bool = False
    restored: Literal["full", "history", "none"] | None = None


@frozen(kw_only=True)
class SessionReady(Event):
    """The session's facts, once per connection: what the service accepted, which may differ from what was asked."""

    hook: ClassVar[str] = "session_ready"
    session_id: str | None = None
    #: Unix seconds at which the service ends the session.
    expires_at: float | None = None
    input_format: AudioFormat | None = None
    output_format: AudioFormat | None = None
    config: Mapping[str, Any] = Factory(dict[str, Any])
    immutable: frozenset[str] = frozenset()
    restored: Literal["full", "history", "none"] | None = None


@frozen(kw_only=True)
class SessionUpdated(Event):
    """The service took a config update; ``config`` is the whole session object in its words."""

    hook: ClassVar[str] = "session_updated"
    config: Mapping[str, Any]
    command_id: str | None = None


@frozen(kw_only=True)
class SessionExpiring(Event):
    """The service will end the session in ``time_left_ms``."""

    hook: ClassVar[str] = "session_expiring"
    time_left_ms: int
    reason: str | None = None


@frozen(kw_only=True)
class ResumeHandle:
    """What resumes a session; opaque, of one transport, and as secret as a key."""

    transport: str
    value: Any = field(repr=False)


@frozen(kw_only=True)
class ResumptionUpdate(Event):
    """The newest handle to resume with, or none while the service cannot resume."""

    hook: ClassVar[str] = "resumption_update"
    handle: ResumeHandle | None = None
    resumable: bool = False
    expires_at: float | None = None


@frozen(kw_only=True)
class SpeechStarted(Event):
    """The user began to speak. It never means "flush": only ``audio_interrupted`` does."""

    hook: ClassVar[str] = "speech_started"
    at_ms: int | None = None
    item_id: str | None = None
    derived: bool = False


@frozen(kw_only=True)
class SpeechStopped(Event):
    """The user stopped speaking."""

    hook: ClassVar[str] = "speech_stopped"
    at_ms: int | None = None
    item_id: str | None = None
    derived: bool = False


@frozen(kw_only=True)
class OutputSpeechStarted(Event):
    """The assistant became audible. Audio that arrives is not proof of it."""

    hook: ClassVar[str] = "output_speech_started"
    utterance_id: str | None = None
    epoch: int = 0
    at_ms: int | None = None
    derived: bool = False


@frozen(kw_only=True)
class OutputSpeechStopped(Event):
    """The assistant fell silent."""

    hook: ClassVar[str] = "output_speech_stopped"
    utterance_id: str | None = None
    epoch: int = 0
    at_ms: int | None = None
    derived: bool = False


@frozen(kw_only=True, slots=False)
class AudioEvent(Event):
    """A piece of the assistant's speech, in ``format``."""

    hook: ClassVar[str] = "audio"
    data: bytes = field(repr=lambda data: f"<{len(data)} bytes>")
    epoch: int = 0
    item_id: str | None = None
    content_index: int = 0
    output_index: int = 0
    response_id: str | None = None
    turn_id: str | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    format: AudioFormat = PCM16_24K
    #: Duration of ``data`` in milliseconds; worked out once, because every queue on the way asks.
    audio_ms: float = field(  # pyright: ignore[reportIncompatibleVariableOverride]  # frozen, so read-only as in the base
        default=Factory(lambda self: self.format.duration_ms(len(self.data)), takes_self=True), repr=False
    )


@frozen(kw_only=True)
class AudioDone(Event):
    """No more audio of this item will come. It may still be playing."""

    hook: ClassVar[str] = "audio_done"
    epoch: int = 0
    item_id: str | None = None
    response_id: str | None = None
    turn_id: str | None = None


@frozen(kw_only=True)
class AudioInterrupted(Event):
    """Flush now: what is buffered up to ``epoch`` must not be heard. ``None`` as ``heard_ms``: nobody knows.

    ``heard_ms`` and ``received_ms`` are of the part ``content_index`` of ``item_id``; ``unheard`` are items that were queued
    behind it, of which nothing was heard.
    """

    hook: ClassVar[str] = "audio_interrupted"
    epoch: int
    reason: Literal["user_speech", "client", "server"] = "client"
    heard_ms: int | None = None
    heard_text: str | None = None
    item_id: str | None = None
    response_id: str | None = None
    turn_id: str | None = None
    content_index: int = 0
    received_ms: int | None = None
    unheard: tuple[str, ...] = ()


@frozen(kw_only=True, slots=False)
class TranscriptDelta(Event):
    """Words of either side. ``final`` may never come; text may come late, or be revised.

    ``mode``: ``append`` adds ``text`` to the segment, ``replace`` is the whole segment so far. ``stage``: ``planned`` is
    what the model means to say, ``final`` what was said.
    """

    segment_id: str
    text: str
    mode: Literal["append", "replace"] = "append"
    final: bool = False
    stage: Literal["final", "planned"] = "final"
    item_id: str | None = None
    response_id: str | None = None
    turn_id: str | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    language: str | None = None


@frozen(kw_only=True, slots=False)
class AudioTranscriptDelta(TranscriptDelta):
    """What the assistant says, in words."""

    hook: ClassVar[str] = "audio_transcript_delta"


@frozen(kw_only=True, slots=False)
class InputTranscriptDelta(TranscriptDelta):
    """What the user said, in words."""

    hook: ClassVar[str] = "input_transcript_delta"


@frozen(kw_only=True)
class OutputTextDelta(Event):
    """A piece of the assistant's written answer. Reasoning is never in it."""

    hook: ClassVar[str] = "output_text_delta"
    text: str
    item_id: str | None = None
    response_id: str | None = None
    turn_id: str | None = None


@frozen(kw_only=True)
class Usage:
    """Tokens used, and seconds of audio where those are counted.

    ``input_details`` and ``output_details`` split the tokens by modality, in the service's own words.
    """

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    input_details: Mapping[str, Any] = Factory(dict[str, Any])
    output_details: Mapping[str, Any] = Factory(dict[str, Any])
    audio_seconds: float = 0.0


@frozen(kw_only=True)
class TurnStarted(Event):
    """The assistant's turn began. ``request_id``: the wish (``request_response()``) that it answers, where that is told."""

    hook: ClassVar[str] = "turn_started"
    turn_id: str
    response_id: str | None = None
    derived: bool = False
    request_id: str | None = None


@frozen(kw_only=True)
class TurnDone(Event):
    """The assistant's turn ended. ``status`` is the service's: ``completed``, ``cancelled``, ``incomplete``, ``failed``."""

    hook: ClassVar[str] = "turn_done"
    turn_id: str
    response_id: str | None = None
    derived: bool = False
    status: str = "completed"
    reason: str | None = None
    #: Nothing more of this interaction is under way (some services end several turns in one).
    idle: bool = True
    output: tuple[ConversationItem, ...] = ()
    usage: Usage | None = None


@frozen(kw_only=True)
class FunctionCall(Event):
    """The model calls a function. Every call gets exactly one output, or one cancellation and then none."""

    hook: ClassVar[str] = "function_call"
    call_id: str
    name: str
    #: JSON text as received; it may be malformed.
    arguments: str
    item_id: str | None = None
    response_id: str | None = None
    turn_id: str | None = None
    work_id: str | None = None
    blocking: bool = False


@frozen(kw_only=True)
class FunctionCallCancelled(Event):
    """These calls should not have run: nothing may be sent for them any more."""

    hook: ClassVar[str] = "function_call_cancelled"
    call_ids: tuple[str, ...]
    reason: str | None = None


@frozen(kw_only=True)
class WorkStarted(Event):
    """The model handed work off that outlives the turn."""

    hook: ClassVar[str] = "work_started"
    work_id: str
    kind: Literal["delegation", "call", "hosted"] = "call"
    target: str | None = None
    response_id: str | None = None
    at_ms: int | None = None


@frozen(kw_only=True)
class WorkDone(Event):
    """Handed-off work ended."""

    hook: ClassVar[str] = "work_done"
    work_id: str
    status: str = "completed"


@frozen(kw_only=True)
class ItemUpdate(Event):
    """An item appeared in the conversation, or changed.

    ``previous_item_id``: the item it follows, ``None`` for the front, ``UNSET`` where the service did not say.
    ``replayed`` items were there before a reconnect: no handler may run for them again.
    """

    hook: ClassVar[str] = "item_update"
    item: ConversationItem
    previous_item_id: Maybe[str | None] = UNSET
    replayed: bool = False
    origin: Literal["server", "local"] = "server"


@frozen(kw_only=True)
class ItemDeleted(Event):
    """An item left the conversation."""

    hook: ClassVar[str] = "item_deleted"
    item_id: str


@frozen(kw_only=True)
class UsageUpdate(Event):
    """What was used. ``kind=total`` replaces earlier figures of the same scope, ``delta`` adds to them."""

    hook: ClassVar[str] = "usage_update"
    kind: Literal["delta", "total"] = "delta"
    scope: Literal["response", "turn", "session", "work"] = "response"
    usage: Usage | None = None
    audio_seconds: float | None = None
    context_ratio: float | None = None
    response_id: str | None = None
    turn_id: str | None = None
    work_id: str | None = None


@frozen(kw_only=True)
class McpToolCallCompleted(Event):
    """A hosted MCP tool was called by the service, and ended."""

    hook: ClassVar[str] = "mcp_tool_call_completed"
    item: McpCallItem


@frozen(kw_only=True)
class McpApprovalRequest(Event):
    """A hosted MCP call waits for ``send_mcp_response``."""

    hook: ClassVar[str] = "mcp_approval_request"
    item: McpApprovalRequestItem


@frozen(kw_only=True)
class McpToolsListed(Event):
    """A hosted MCP server told its tools."""

    hook: ClassVar[str] = "mcp_tools_listed"
    server_label: str
    tools: tuple[Mapping[str, Any], ...] = ()


@frozen(kw_only=True)
class Dtmf(Event):
    """A key of the telephone keypad."""

    hook: ClassVar[str] = "dtmf"
    key: str
    direction: Literal["received", "sent"] = "received"
    at_ms: int | None = None
