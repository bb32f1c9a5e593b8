"""Calls over WebRTC: a caller written with aiortc, our own transport, and a sideband, each with the emulator."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import httpx2
import pytest
from listening import Listener
from microphone import spoken
from wire import PATIENCE_S, Wire

from offhook import (
    ErrorEvent,
    Event,
    MessageItem,
    RealtimeAgent,
    RealtimeSession,
    ToolEnd,
    TranscriptEvent,
    TurnDone,
    function_tool,
)
from offhook.audio.formats import PCM16_24K
from offhook.audio.frames import silence
from offhook.audio.resample import resample
from offhook.events import AudioInterrupted, OutputSpeechStarted, OutputSpeechStopped
from offhook.settings import Settings
from offhook_emulator.voice.protocols import EAR_RATE_HZ, Voice
from offhook_emulator.voice.scripted import ScriptedVoice

if TYPE_CHECKING:
    from judges import Judge

pytest.importorskip("aiortc", reason="the extra [webrtc] is not installed")
from calling import KEY, Caller, calling, emulated, is_foggy

from offhook_webrtc import OpenAIRealtimeWebRTC, WebRTCOptions

Emulate = Callable[..., AbstractAsyncContextManager[Wire]]
EventT = TypeVar("EventT", bound=Event)
QUESTION = "What is the weather in Paris?"
ANSWER = "It is foggy in Paris."
STORY = "Tell me a very long story"
TOOL = {
    "type": "function",
    "name": "get_weather",
    "description": "Tell the weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
WITH_TOOL = {"type": "realtime", "tools": [TOOL]}


@pytest.fixture(scope="module")
def judge(corpus: Path) -> Judge:
    for name in ("jsonschema", "openai"):
        pytest.importorskip(name, reason="the group 'peers' is not installed")
    from judges import Judge

    return Judge.of(corpus / "openai-openapi" / "openapi.json")


@pytest.fixture(scope="module")
def real_voice() -> Iterator[Voice]:
    pytest.importorskip("onnxruntime", reason="the extra [speech] is not installed")
    from offhook_emulator.voice.real import RealVoice

    voice = RealVoice()
    asyncio.run(asyncio.wait_for(voice.warm_up(), 60))
    yield voice
    voice.close()


@pytest.fixture
def emulate(judge: Judge) -> Emulate:
    """Start an emulator: ``async with emulate() as wire``. It speaks in tones, unless it is given a voice."""
    return lambda voice=None: emulated(voice or ScriptedVoice(), judge)


async def in_tones(text: str) -> bytes:
    """Say something as the scripted voice does: PCM16 24 kHz mono, and the silence that ends the turn."""
    pcm = b"".join([piece async for piece in ScriptedVoice().text_to_speech.speak(text)])
    return pcm + silence(PCM16_24K, 1000)


# A caller who is written with aiortc alone


async def answer_the_call(caller: Caller) -> None:
    """Run the tool that the model calls."""
    call = await caller.until("response.function_call_arguments.done")
    item = {"type": "function_call_output", "call_id": call["call_id"], "output": ANSWER}
    await caller.until("response.done")
    caller.send("conversation.item.create", item=item)
    caller.send("response.create")


async def test_a_text_turn_is_heard(emulate: Emulate) -> None:
    async with emulate() as wire, calling(wire) as caller:
        caller.ask("Hello there")
        done = (await caller.until("response.done"))["response"]
        started = await caller.until("output_audio_buffer.started")
        stopped = await caller.until("output_audio_buffer.stopped")
        assert started["response_id"] == stopped["response_id"] == done["id"]
        await caller.until_quiet()
        assert " ".join(caller.read()) == done["output"][0]["content"][0]["transcript"]
        assert wire.told("response.output_audio.delta") == []


async def test_a_tool_round_trip_is_heard(emulate: Emulate) -> None:
    async with emulate() as wire, calling(wire, session=WITH_TOOL) as caller:
        caller.ask(QUESTION)
        await answer_the_call(caller)
        await caller.until("output_audio_buffer.stopped")
        await caller.until_quiet()
        assert caller.read() == [ANSWER]


async def test_a_spoken_turn_is_heard(emulate: Emulate) -> None:
    async with emulate() as wire, calling(wire, session=WITH_TOOL) as caller:
        caller.send("session.update", session={"type": "realtime", "audio": {"input": {"transcription": {}}}})
        caller.speak(await in_tones(QUESTION))
        written = await caller.until("conversation.item.input_audio_transcription.completed")
        assert written["transcript"] == QUESTION
        await answer_the_call(caller)
        await caller.until("output_audio_buffer.stopped")
        await caller.until_quiet()
        assert caller.read() == [ANSWER]


async def test_speech_interrupts_and_the_model_knows_what_was_heard(emulate: Emulate) -> None:
    async with emulate() as wire, calling(wire) as caller:
        caller.ask(STORY)
        await caller.until("output_audio_buffer.started")
        caller.speak(await in_tones("Hello there"))
        cleared = await caller.until("output_audio_buffer.cleared")
        truncated = await caller.until("conversation.item.truncated")
        await caller.until_quiet()
        story = (await caller.until("response.done"))["response"]
        assert (story["id"], story["status_details"]["reason"]) == (cleared["response_id"], "turn_detected")
        assert truncated["item_id"] == story["output"][0]["id"]
        # One frame was under way. The codec adds a few milliseconds at either end.
        assert truncated["audio_end_ms"] == pytest.approx(caller.audible_ms(), abs=50)
        answer = (await caller.until("response.done", 2))["response"]
        assert answer["status"] == "completed"
        await caller.until("output_audio_buffer.stopped")


async def test_the_client_interrupts(emulate: Emulate) -> None:
    async with emulate() as wire, calling(wire) as caller:
        caller.ask(STORY)
        await caller.until("output_audio_buffer.started")
        caller.send("response.cancel")
        caller.send("output_audio_buffer.clear")
        truncated = await caller.until("conversation.item.truncated")
        await caller.until_quiet()
        assert truncated["audio_end_ms"] == pytest.approx(caller.audible_ms(), abs=50)


async def test_a_conversation_with_the_real_voice(emulate: Emulate, real_voice: Voice, corpus: Path) -> None:
    async with emulate(real_voice) as wire, calling(wire, session=WITH_TOOL) as caller:
        caller.speak(b"".join(spoken(corpus / "livekit" / "weather_question.wav")))
        await answer_the_call(caller)
        await caller.until("output_audio_buffer.stopped")
        await caller.until_quiet()
        assert is_foggy(await real_voice.speech_to_text.transcribe(bytes(caller.heard)))


async def test_appends_are_heard_as_well(emulate: Emulate) -> None:
    async with emulate() as wire, calling(wire) as caller:
        caller.send("session.update", session={"type": "realtime", "audio": {"input": {"transcription": {}}}})
        caller.send("input_audio_buffer.append", audio=b64encode(await in_tones("Hello")).decode())
        written = await caller.until("conversation.item.input_audio_transcription.completed")
        assert written["transcript"] == "Hello"


# How calls end


async def test_hanging_up_closes_the_peer_connection(emulate: Emulate) -> None:
    async with emulate() as wire, calling(wire) as caller, httpx2.AsyncClient() as client:
        base = wire.url.removesuffix("/v1")
        response = await client.post(f"{base}{caller.location}/hangup", headers=KEY)
        assert (response.status_code, response.content) == (200, b"")
        await asyncio.wait_for(caller.closed.wait(), PATIENCE_S)
        response = await client.post(f"{base}{caller.location}/hangup", headers=KEY)
        assert response.json()["error"]["code"] == "call_id_not_found"


async def test_a_caller_who_hangs_up_ends_the_sidebands(emulate: Emulate) -> None:
    async with emulate() as wire, calling(wire) as caller, sideband(wire, caller.call_id) as other:
        await caller.close()
        async with asyncio.timeout(PATIENCE_S):
            async for _ in other.session:
                pass


async def test_a_server_that_stops_hangs_up(emulate: Emulate) -> None:
    caller = Caller()
    async with emulate() as wire:
        await caller.call(wire.url, None)
    await asyncio.wait_for(caller.closed.wait(), PATIENCE_S)
    await caller.close()


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def _offer_and_leave(url: str) -> None:
    """Be gone before the answer comes. (A peer that is given up while it gathers leaks, but that is the caller's end.)"""
    caller = Caller()
    await caller.peer.setLocalDescription(await caller.peer.createOffer())
    headers = {**KEY, "Content-Type": "application/sdp"}
    async with httpx2.AsyncClient(timeout=0.02) as client:
        with suppress(httpx2.TimeoutException):
            await client.post(f"{url}/realtime/calls", content=caller.peer.localDescription.sdp, headers=headers)
    await caller.close()


async def test_nothing_is_left_of_a_call_whenever_it_ends(emulate: Emulate) -> None:
    async with emulate() as wire, calling(wire):
        pass  # the first one loads what the others use
    before, files = asyncio.all_tasks(), _open_files()
    async with emulate() as wire:
        for _ in range(3):
            async with calling(wire):
                pass
            async with calling(wire) as caller:
                caller.ask(STORY)
                await caller.until("output_audio_buffer.started")
            await _offer_and_leave(wire.url)
    assert asyncio.all_tasks() == before
    assert _open_files() == files


async def test_a_machine_with_nothing_but_loopback_is_told_what_is_missing(
    emulate: Emulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda **_: [])
    caller = Caller()
    async with emulate() as wire:
        with pytest.raises(httpx2.HTTPStatusError) as refused:
            await caller.call(wire.url, None)
    await caller.close()
    error = refused.value.response.json()["error"]
    assert (refused.value.response.status_code, error["code"]) == (503, "no_network_interface")
    assert "eth0" in error["message"]


# Our own session, at either end


@function_tool
def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It is foggy in {city}."


class Application:
    """An application that is written with offhook."""

    def __init__(self, session: RealtimeSession) -> None:
        self.session = session
        self.told = Listener[Event](session)

    async def until(self, kind: type[EventT], count: int = 1) -> EventT:
        return await self.told.until(lambda event: isinstance(event, kind), count)

    async def until_said(self, role: str) -> str:
        """Wait for the first words of a side that are final."""
        return (
            await self.told.until(
                lambda event: isinstance(event, TranscriptEvent) and event.role == role and event.final
            )
        ).text


@asynccontextmanager
async def application(wire: Wire, **options: Any) -> AsyncGenerator[Application]:
    agent = RealtimeAgent(name="Clerk", instructions="You know the weather.", tools=[get_weather])
    async with RealtimeSession(agent, url=wire.url, api_key="offline", settings=Settings(), **options) as session:
        app = Application(session)
        yield app
    assert await app.told.all(lambda event: isinstance(event, ErrorEvent)) == []


def sideband(wire: Wire, call_id: str) -> AbstractAsyncContextManager[Application]:
    """Join a call with our WebSocket transport."""
    return application(wire, transport="websocket", call_id=call_id)


async def test_a_sideband_session_runs_the_tool_of_the_call(emulate: Emulate) -> None:
    async with emulate() as wire, calling(wire) as caller, sideband(wire, caller.call_id) as other:
        caller.speak(await in_tones(QUESTION))
        assert (await other.until(ToolEnd)).output == ANSWER
        assert await other.until_said("assistant") == ANSWER
        await caller.until("output_audio_buffer.stopped")
        await caller.until_quiet()
        assert caller.read() == [ANSWER]
        assert len(wire.told("session.created")) == 1


class Microphone:
    """Silence until there is something to say. Taken at the pace of speech."""

    def __init__(self) -> None:
        self._pcm = bytearray()

    def say(self, pcm: bytes) -> None:
        self._pcm += pcm

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = PCM16_24K.size(20)
        while True:
            yield bytes(self._pcm[:size]).ljust(size, b"\0")
            del self._pcm[:size]


class Ours:
    """A call with our transport: what it says, and what it hears."""

    def __init__(self, wire: Wire) -> None:
        self.microphone = Microphone()
        self.heard = bytearray()
        options = WebRTCOptions(url=wire.url, input=self.microphone, output=lambda pcm, _rate: self.heard.extend(pcm))
        self.transport = OpenAIRealtimeWebRTC(options)

    def pcm_16k(self) -> bytes:
        return resample(bytes(self.heard), PCM16_24K.rate_hz, EAR_RATE_HZ)


async def test_our_transport_holds_a_text_and_a_tool_turn(emulate: Emulate) -> None:
    async with emulate() as wire, application(wire, transport=Ours(wire).transport) as app:
        await app.session.send_message("Hello there")
        await app.until(OutputSpeechStarted)
        await app.until(OutputSpeechStopped)
        await app.session.send_message(QUESTION)
        assert (await app.until(ToolEnd)).output == ANSWER
        await app.until(OutputSpeechStopped, 2)
        words = [(item.role, item.text) for item in app.session.history if isinstance(item, MessageItem)]
        assert words[-2:] == [("user", QUESTION), ("assistant", ANSWER)]


async def test_our_transport_holds_a_spoken_conversation(emulate: Emulate, real_voice: Voice, corpus: Path) -> None:
    async with emulate(real_voice) as wire:
        ours = Ours(wire)
        async with application(wire, transport=ours.transport) as app:
            ours.microphone.say(b"".join(spoken(corpus / "livekit" / "weather_question.wav")))
            assert await app.until_said("user") == QUESTION
            assert (await app.until(ToolEnd)).output == ANSWER
            await app.until(OutputSpeechStopped)
            assert await app.until_said("assistant") == ANSWER
        assert is_foggy(await real_voice.speech_to_text.transcribe(ours.pcm_16k()))


async def test_our_transport_is_interrupted(emulate: Emulate) -> None:
    async with emulate() as wire:
        ours = Ours(wire)
        async with application(wire, transport=ours.transport) as app:
            await app.session.send_message(STORY)
            await app.until(OutputSpeechStarted)
            ours.microphone.say(await in_tones("Hello there"))
            await app.until(AudioInterrupted)
            done = await app.until(TurnDone)
            assert (done.status, done.reason) == ("cancelled", "turn_detected")
            await app.until(TurnDone, 2)
            await wire.until_told("conversation.item.truncated")
            assert wire.sent("conversation.item.truncate") == []


async def test_our_transport_interrupts(emulate: Emulate) -> None:
    async with emulate() as wire, application(wire, transport=Ours(wire).transport) as app:
        await app.session.send_message(STORY)
        await app.until(OutputSpeechStarted)
        await app.session.interrupt()
        done = await app.until(TurnDone)
        assert (done.status, done.reason) == ("cancelled", "client_cancelled")
        await wire.until_told("output_audio_buffer.cleared")
        await wire.until_told("conversation.item.truncated")
