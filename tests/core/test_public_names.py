"""What ``import offhook`` offers: pinned, and each name there."""

from __future__ import annotations

import ast
import importlib.metadata
import inspect
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

import offhook
from offhook import errors, events

#: A name that goes breaks somebody: taking one off this list is a breaking change.
NAMES = [
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
    "PCM16_24K",
    "PCMA",
    "PCMU",
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
    "SPEC_VERSION",
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
    "UNSET",
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


def test_the_public_names_are_these():
    assert sorted(offhook.__all__) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_public_name_resolves(name):
    assert getattr(offhook, name) is not None


def test_what_type_checkers_see_is_what_resolves():
    tree = ast.parse(Path(offhook.__file__).read_text())
    [block] = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == {**offhook._MODULE_OF, **dict.fromkeys(offhook._MODULES, "offhook")}


def test_every_event_of_a_transport_is_public():
    values = {
        name
        for name, member in vars(events).items()
        if inspect.isclass(member) and member.__module__ == events.__name__
    }
    assert values <= set(offhook.__all__)
    assert {name for name in values if attrs.has(getattr(events, name))} == values


def test_every_error_is_an_offhook_error():
    classes = [
        member for member in vars(errors).values() if inspect.isclass(member) and member.__module__ == errors.__name__
    ]
    assert all(issubclass(member, offhook.OffhookError) for member in classes)


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'offhook' has no attribute 'RealtimeSesion'"):
        _ = offhook.RealtimeSesion


def test_the_names_are_listed_before_they_are_used():
    program = "import offhook; print(set(offhook.__all__) <= set(dir(offhook)), 'RealtimeSession' in vars(offhook))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["True", "False"]


def test_the_version_is_that_of_the_distribution():
    assert offhook.__version__ == importlib.metadata.version("offhook")
