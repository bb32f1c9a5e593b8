"""Recorded services, served again over a real socket: nothing of what they said is lost, and nothing is an error."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from typing import Any

import pytest
from replay import serving

from offhook.items import FunctionCallItem, InputText, MessageItem, OutputText
from offhook.recording import Recording, ReplayTransport, read_recording, recorded_agent
from offhook.session import RealtimeSession
from offhook_websocket import OpenAIRealtimeWebSocket, WebSocketOptions

Frame = Mapping[str, Any]

PATIENCE_S = 30.0
#: OpenAI and Azure OpenAI: 19 streams.
OURS = [
    "test_azure_ws__test_audio_in_server_vad_transcribes",
    "test_azure_ws__test_audio_in_server_vad_transcription_requires_deployment",
    "test_azure_ws__test_message_history_seeding",
    "test_azure_ws__test_text_in_audio_out_turn",
    "test_azure_ws__test_tool_call_round",
    "test_azure_ws_sideband__test_webrtc_sideband_text_turn",
    "test_gateway_ws__test_gateway_openai_text_in_audio_out",
    "test_openai_ws__test_audio_in_server_vad_turn",
    "test_openai_ws__test_message_history_seeding",
    "test_openai_ws__test_text_in_audio_out_turn",
    "test_openai_ws__test_tool_call_round",
    "test_openai_ws_sideband__test_webrtc_sideband_audio_turn",
    "test_openai_ws_sideband__test_webrtc_sideband_text_turn",
    "test_parity_ws__test_history_seeding_parity[azure-current]",
    "test_parity_ws__test_history_seeding_parity[gateway-openai]",
    "test_parity_ws__test_history_seeding_parity[openai-previous]",
    "test_parity_ws__test_text_tool_round_parity[azure-current]",
    "test_parity_ws__test_text_tool_round_parity[gateway-openai]",
    "test_parity_ws__test_text_tool_round_parity[openai-previous]",
]


@pytest.fixture
def recording(corpus, request) -> Recording:
    return read_recording(corpus / "streams" / f"{request.param}.jsonl")


def transport(url: str, **options: Any) -> OpenAIRealtimeWebSocket:
    return OpenAIRealtimeWebSocket(WebSocketOptions(url=url, api_key="unused", proxy="none", **options))


@pytest.mark.parametrize("recording", OURS, indirect=True, ids=OURS)
async def test_a_recorded_stream_runs_through_the_session_whole_in_order_and_without_an_error(recording):
    frames: list[Frame] = []
    events: list[Any] = []
    whole = asyncio.Event()

    def hear(event: Any) -> None:
        frames.append(event.payload)
        if len(frames) == len(recording.received):
            whole.set()

    async with serving(recording) as url, asyncio.timeout(PATIENCE_S):
        session = RealtimeSession(recorded_agent(recording), transport=transport(url), call_id=call_of(recording))
        session.on("*", hear)
        session.on("error", events.append)
        async with session:
            await drive(session, recording)
            await whole.wait()

    assert frames == recording.received
    assert events == []
    assert [shown(item) for item in session.history] == spoken(recording)
    assert session.usage.total_tokens == sum(
        usage["input_tokens"] + usage["output_tokens"]
        for frame in recording.of("response.done")
        if (usage := frame["response"]["usage"])
    )


@pytest.mark.parametrize("recording", OURS, indirect=True, ids=OURS)
async def test_replayed_without_a_socket_the_stream_gives_the_same_history(recording):
    agent, errors = recorded_agent(recording), []
    session = RealtimeSession(agent, transport=ReplayTransport(recording), call_id=call_of(recording))
    session.on("error", errors.append)
    async with asyncio.timeout(PATIENCE_S), session:
        async for _ in session:
            pass
    assert [shown(item) for item in session.history] == spoken(recording)
    assert errors == []


async def test_the_frames_of_other_dialects_are_raw_events_and_no_errors(corpus):
    """Azure Voice Live, xAI and Google."""
    paths = [path for path in sorted((corpus / "streams").glob("*.jsonl")) if path.stem not in OURS]
    assert len(paths) == 25
    for path in paths:
        recording = read_recording(path).as_monologue()
        frames: list[Frame] = []
        errors: list[Any] = []
        async with serving(recording) as url, asyncio.timeout(PATIENCE_S):
            # Most of them acknowledge no config that we could send.
            other = transport(url, ack_timeout_s=0.01)
            events = other.events("raw_event")
            other.on("error", errors.append)
            await other.connect()
            while len(frames) < len(recording.received):
                frames.append((await anext(events)).payload)
            await other.close()
        assert frames == recording.received, path.name
        assert errors == [], path.name


# The client's part.


def call_of(recording: Recording) -> str | None:
    """A sideband attaches to a call; it is told of no session's creation."""
    return None if recording.of("session.created") else "rtc_recorded"


async def drive(session: RealtimeSession, recording: Recording) -> None:
    """Do what the recorded client did; the config, tool outputs and the replies to them are the session's own business."""
    answered = False
    for frame in recording.sent:
        match frame:
            case {"type": "conversation.item.create", "item": {"type": "message"} as item}:
                await session.send_message(message(item), respond=False)
            case {"type": "conversation.item.create"}:
                answered = True
            case {"type": "input_audio_buffer.append", "audio": audio}:
                await session.send_audio(base64.b64decode(audio))
            case {"type": "response.create"} if not answered:
                await session.request_response()


def message(item: Frame) -> MessageItem:
    kind = OutputText if item["role"] == "assistant" else InputText
    return MessageItem(item_id="", role=item["role"], content=tuple(kind(part["text"]) for part in item["content"]))


# What the history should hold, read from the recording.


def spoken(recording: Recording) -> list[tuple[str, ...]]:
    """Every item in the order in which it was added, with its words as they last stood."""
    last = {frame["item"]["id"]: frame["item"] for frame in recording.of("conversation.item.added")}
    last |= {frame["item"]["id"]: frame["item"] for frame in recording.of("conversation.item.done")}
    last |= {frame["item"]["id"]: frame["item"] for frame in recording.of("response.output_item.done")}
    heard = {
        frame["item_id"]: frame["transcript"]
        for frame in recording.of("conversation.item.input_audio_transcription.completed")
    }
    outputs = {item["call_id"]: item["output"] for item in last.values() if item["type"] == "function_call_output"}
    found: list[tuple[str, ...]] = []
    for item_id, item in last.items():
        if item["type"] == "function_call":
            found.append((item_id, item["name"], item["arguments"], outputs[item["call_id"]]))
        elif item["type"] == "message":
            words = " ".join(part.get("text") or part.get("transcript") or "" for part in item["content"])
            found.append((item_id, item["role"], heard.get(item_id, words)))
    return found


def shown(item: object) -> tuple[str | None, ...]:
    match item:
        case FunctionCallItem():
            return (item.item_id, item.name, item.arguments, item.output)
        case MessageItem():
            return (item.item_id, item.role, item.text)
        case _:
            raise AssertionError(item)
