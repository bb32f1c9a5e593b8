"""Live spoken conversations with speech-to-speech models over any transport, chosen by name.

Public names resolve on first use, so that ``import offhook`` costs nothing that is not used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from offhook import errors, events, transcripts
    from offhook.agent import RealtimeAgent
    from offhook.agent_events import AgentEnd, AgentHandoff, AgentStart, ToolEnd, ToolStart
    from offhook.audio.formats import PCM16_24K, PCMA, PCMU, AudioFormat
    from offhook.capabilities import Capabilities
    from offhook.config import (
        UNSET,
        AudioConfig,
        AudioInput,
        AudioOutput,
        NoiseReduction,
        SessionConfig,
        Transcription,
        TurnDetection,
    )
    from offhook.context import RunContext, ToolContext
    from offhook.errors import OffhookError
    from offhook.events import (
        AudioDone,
        AudioEvent,
        AudioInterrupted,
        AudioTranscriptDelta,
        ConnectionChange,
        Dtmf,
        ErrorEvent,
        Event,
        FunctionCall,
        FunctionCallCancelled,
        InputTranscriptDelta,
        ItemDeleted,
        ItemUpdate,
        McpApprovalRequest,
        McpToolCallCompleted,
        McpToolsListed,
        OutputSpeechStarted,
        OutputSpeechStopped,
        OutputTextDelta,
        RawEvent,
        ResumeHandle,
        ResumptionUpdate,
        SessionExpiring,
        SessionReady,
        SessionUpdated,
        SpeechStarted,
        SpeechStopped,
        TranscriptDelta,
        TurnDone,
        TurnStarted,
        Usage,
        UsageUpdate,
        WorkDone,
        WorkStarted,
    )
    from offhook.guardrail import (
        GuardrailResult,
        GuardrailSettings,
        InputGuardrail,
        OutputGuardrail,
        input_guardrail,
        output_guardrail,
    )
    from offhook.handoffs import Handoff, handoff
    from offhook.hookspecs import (
        SPEC_VERSION,
        ConnectOptions,
        RealtimeTransportEventTypes,
        RealtimeTransportLayer,
        hookimpl,
        hookspec,
    )
    from offhook.items import (
        ConversationItem,
        FunctionCallItem,
        InputAudio,
        InputImage,
        InputText,
        McpApprovalRequestItem,
        McpCallItem,
        MessageItem,
        OutputAudio,
        OutputText,
    )
    from offhook.mcp import HostedMcpTool, LocalMcpServer, McpServer
    from offhook.plugins import make_transport
    from offhook.prices import Prices
    from offhook.session import RealtimeSession
    from offhook.session.events import (
        AudioStart,
        AudioStopped,
        GuardrailTripped,
        HistoryAdded,
        HistoryUpdated,
        McpToolsChanged,
        ToolApprovalRequested,
        TranscriptEvent,
        TurnTiming,
    )
    from offhook.session.interruptions import MinSpeech
    from offhook.session.responding import Reply, ReplyResult
    from offhook.settings import load_settings
    from offhook.tool import Background, FunctionTool, ToolFailure, function_tool

    __version__: str

#: Where each public name lives. The imports above say the same to type checkers; a test compares the two.
_NAMES_OF = {
    "offhook.agent": ("RealtimeAgent",),
    "offhook.audio.formats": ("PCM16_24K", "PCMA", "PCMU", "AudioFormat"),
    "offhook.capabilities": ("Capabilities",),
    "offhook.config": (
        "UNSET",
        "AudioConfig",
        "AudioInput",
        "AudioOutput",
        "NoiseReduction",
        "SessionConfig",
        "Transcription",
        "TurnDetection",
    ),
    "offhook.errors": ("OffhookError",),
    "offhook.events": (
        "AudioDone",
        "AudioEvent",
        "AudioInterrupted",
        "AudioTranscriptDelta",
        "ConnectionChange",
        "Dtmf",
        "ErrorEvent",
        "Event",
        "FunctionCall",
        "FunctionCallCancelled",
        "InputTranscriptDelta",
        "ItemDeleted",
        "ItemUpdate",
        "McpApprovalRequest",
        "McpToolCallCompleted",
        "McpToolsListed",
        "OutputSpeechStarted",
        "OutputSpeechStopped",
        "OutputTextDelta",
        "RawEvent",
        "ResumeHandle",
        "ResumptionUpdate",
        "SessionExpiring",
        "SessionReady",
        "SessionUpdated",
        "SpeechStarted",
        "SpeechStopped",
        "TranscriptDelta",
        "TurnDone",
        "TurnStarted",
        "Usage",
        "UsageUpdate",
        "WorkDone",
        "WorkStarted",
    ),
    "offhook.hookspecs": (
        "SPEC_VERSION",
        "ConnectOptions",
        "RealtimeTransportEventTypes",
        "RealtimeTransportLayer",
        "hookimpl",
        "hookspec",
    ),
    "offhook.items": (
        "ConversationItem",
        "FunctionCallItem",
        "InputAudio",
        "InputImage",
        "InputText",
        "McpApprovalRequestItem",
        "McpCallItem",
        "MessageItem",
        "OutputAudio",
        "OutputText",
    ),
    "offhook.plugins": ("make_transport",),
    "offhook.session": ("RealtimeSession",),
    "offhook.session.events": (
        "AudioStart",
        "AudioStopped",
        "GuardrailTripped",
        "HistoryAdded",
        "HistoryUpdated",
        "McpToolsChanged",
        "ToolApprovalRequested",
        "TranscriptEvent",
        "TurnTiming",
    ),
    "offhook.settings": ("load_settings",),
    "offhook.tool": ("Background", "FunctionTool", "ToolFailure", "function_tool"),
    "offhook.agent_events": ("AgentEnd", "AgentHandoff", "AgentStart", "ToolEnd", "ToolStart"),
    "offhook.context": ("RunContext", "ToolContext"),
    "offhook.handoffs": ("Handoff", "handoff"),
    "offhook.mcp": ("HostedMcpTool", "LocalMcpServer", "McpServer"),
    "offhook.prices": ("Prices",),
    "offhook.session.interruptions": ("MinSpeech",),
    "offhook.session.responding": ("Reply", "ReplyResult"),
    "offhook.guardrail": (
        "GuardrailResult",
        "GuardrailSettings",
        "input_guardrail",
        "InputGuardrail",
        "output_guardrail",
        "OutputGuardrail",
    ),
}
_MODULES = frozenset({"errors", "events", "transcripts"})
_MODULE_OF = {name: module for module, names in _NAMES_OF.items() for name in names}

__all__ = [
    "PCM16_24K",
    "PCMA",
    "PCMU",
    "SPEC_VERSION",
    "UNSET",
    "AgentEnd",
    "AgentHandoff",
    "AgentStart",
    "AudioConfig",
    "AudioDone",
    "AudioEvent",
    "AudioFormat",
    "AudioInput",
    "AudioInterrupted",
    "AudioOutput",
    "AudioStart",
    "AudioStopped",
    "AudioTranscriptDelta",
    "Background",
    "Capabilities",
    "ConnectOptions",
    "ConnectionChange",
    "ConversationItem",
    "Dtmf",
    "ErrorEvent",
    "Event",
    "FunctionCall",
    "FunctionCallCancelled",
    "FunctionCallItem",
    "FunctionTool",
    "GuardrailResult",
    "GuardrailSettings",
    "GuardrailTripped",
    "Handoff",
    "HistoryAdded",
    "HistoryUpdated",
    "HostedMcpTool",
    "InputAudio",
    "InputGuardrail",
    "InputImage",
    "InputText",
    "InputTranscriptDelta",
    "ItemDeleted",
    "ItemUpdate",
    "LocalMcpServer",
    "McpApprovalRequest",
    "McpApprovalRequestItem",
    "McpCallItem",
    "McpServer",
    "McpToolCallCompleted",
    "McpToolsChanged",
    "McpToolsListed",
    "MessageItem",
    "MinSpeech",
    "NoiseReduction",
    "OffhookError",
    "OutputAudio",
    "OutputGuardrail",
    "OutputSpeechStarted",
    "OutputSpeechStopped",
    "OutputText",
    "OutputTextDelta",
    "Prices",
    "RawEvent",
    "RealtimeAgent",
    "RealtimeSession",
    "RealtimeTransportEventTypes",
    "RealtimeTransportLayer",
    "Reply",
    "ReplyResult",
    "ResumeHandle",
    "ResumptionUpdate",
    "RunContext",
    "SessionConfig",
    "SessionExpiring",
    "SessionReady",
    "SessionUpdated",
    "SpeechStarted",
    "SpeechStopped",
    "ToolApprovalRequested",
    "ToolContext",
    "ToolEnd",
    "ToolFailure",
    "ToolStart",
    "TranscriptDelta",
    "TranscriptEvent",
    "Transcription",
    "TurnDetection",
    "TurnDone",
    "TurnStarted",
    "TurnTiming",
    "Usage",
    "UsageUpdate",
    "WorkDone",
    "WorkStarted",
    "__version__",
    "errors",
    "events",
    "function_tool",
    "handoff",
    "hookimpl",
    "hookspec",
    "input_guardrail",
    "load_settings",
    "make_transport",
    "output_guardrail",
    "transcripts",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module  # noqa: PLC0415  # as everything here: only where it is used

    if name in _MODULES:
        return import_module(f"offhook.{name}")
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415  # 30 ms

        value = version("offhook")
    elif name in _MODULE_OF:
        value = getattr(import_module(_MODULE_OF[name]), name)
    else:
        raise AttributeError(f"module 'offhook' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
