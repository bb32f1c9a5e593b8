"""Our own session holds the same conversations as other people's clients, and keeps its promises when it is interrupted."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pybase64
import pytest
from listening import Listener
from wire import Wire

from offhook import (
    AudioConfig,
    AudioEvent,
    AudioInput,
    AudioInterrupted,
    ErrorEvent,
    Event,
    MessageItem,
    RealtimeAgent,
    RealtimeSession,
    SessionConfig,
    SpeechStopped,
    ToolEnd,
    TranscriptEvent,
    TurnDetection,
    TurnDone,
    function_tool,
)
from offhook.audio.formats import PCM16_24K
from offhook.settings import Settings

EventT = TypeVar("EventT", bound=Event)
SERVER_VAD = SessionConfig(audio=AudioConfig(input=AudioInput(turn_detection=TurnDetection(type="server_vad"))))


@function_tool
def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It is foggy in {city}."


class Caller:
    """An application that is written with offhook."""

    def __init__(self, session: RealtimeSession) -> None:
        self.session = session
        self.heard = Listener[Event](session)

    async def until(self, kind: type[EventT], count: int = 1) -> EventT:
        return await self.heard.until(lambda event: isinstance(event, kind), count)

    async def until_said(self, role: str) -> str:
        """Wait for the first words of a side that are final."""

        def said(event: Event) -> bool:
            return isinstance(event, TranscriptEvent) and event.role == role and event.final

        return (await self.heard.until(said)).text

    async def speak(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            await self.session.send_audio(piece)

    async def be_told_a_story(self, *, pieces: int) -> AudioEvent:
        """Listen to it until so many pieces of audio have come. It is only beginning then."""
        await self.session.send_message("Tell me a very long story")
        return await self.until(AudioEvent, pieces)


@asynccontextmanager
async def call(wire: Wire, **options: Any) -> AsyncGenerator[Caller]:
    agent = RealtimeAgent(name="Clerk", instructions="You know the weather.", tools=[get_weather])
    session = RealtimeSession(
        agent, transport="websocket", url=wire.url, api_key="offline", settings=Settings(), **options
    )
    async with session:
        caller = Caller(session)
        yield caller
    assert await caller.heard.all(lambda event: isinstance(event, ErrorEvent)) == []


def told_audio(wire: Wire, response_id: str) -> bytes:
    """Give the audio that the server sent of a response."""
    deltas = (frame for frame in wire.told("response.output_audio.delta") if frame["response_id"] == response_id)
    return b"".join(pybase64.b64decode(frame["delta"]) for frame in deltas)


async def test_a_text_turn(emulate):
    async with emulate() as wire, call(wire) as caller:
        await caller.session.send_message("Hello there")
        done = await caller.until(TurnDone)
        assert done.status == "completed"
        words = [(item.role, item.text) for item in caller.session.history if isinstance(item, MessageItem)]
        assert words == [("user", "Hello there"), ("assistant", "Hello! How can I help you?")]


async def test_a_tool_round_trip(emulate):
    async with emulate() as wire, call(wire) as caller:
        await caller.session.send_message("What is the weather in Paris?")
        assert (await caller.until(ToolEnd)).output == "It is foggy in Paris."
        assert await caller.until_said("assistant") == "It is foggy in Paris."


async def test_a_spoken_turn_that_server_vad_ends(emulate, question):
    async with emulate() as wire, call(wire, config=SERVER_VAD) as caller:
        await caller.speak(question)
        await caller.until(SpeechStopped)
        assert await caller.until_said("user") == "What is the weather in Paris?"
        assert (await caller.until(ToolEnd)).output == "It is foggy in Paris."
        assert await caller.until_said("assistant") == "It is foggy in Paris."


@pytest.mark.parametrize("played_ms", [None, 150])
async def test_an_interruption_by_speech(emulate, hello, played_ms):
    async with emulate() as wire, call(wire) as caller:
        story = await caller.be_told_a_story(pieces=3)
        if played_ms is not None:
            caller.session.played(played_ms)
        await caller.speak(hello)
        interrupted = await caller.until(AudioInterrupted)
        assert (interrupted.reason, interrupted.item_id) == ("user_speech", story.item_id)
        assert played_ms in (None, interrupted.heard_ms)
        done = await caller.until(TurnDone)
        assert (done.status, done.reason) == ("cancelled", "turn_detected")
        await the_promises_of_an_interruption(caller, wire)


async def test_an_interruption_by_the_application(emulate):
    async with emulate() as wire, call(wire) as caller:
        story = await caller.be_told_a_story(pieces=1)
        await caller.session.interrupt()
        done = await caller.until(TurnDone)
        assert (done.status, done.reason) == ("cancelled", "client_cancelled")
        passed_on = sum(len(event.data) for event in caller.heard.events if isinstance(event, AudioEvent))
        # The server is faster than a cancellation: there was something to hold back.
        assert passed_on < len(told_audio(wire, story.response_id or ""))
        await caller.session.send_message("Hello there")
        await the_promises_of_an_interruption(caller, wire)


async def the_promises_of_an_interruption(caller: Caller, wire: Wire) -> None:
    """P5 and P6, once the story was interrupted and something else was said since."""
    answer = await caller.until(TurnDone, 2)
    truncated = await wire.until_told("conversation.item.truncated")
    events, interrupted = caller.heard.events, await caller.until(AudioInterrupted)
    before, after = (
        [event for event in part if isinstance(event, AudioEvent)]
        for part in (events[: events.index(interrupted)], events[events.index(interrupted) :])
    )

    # P6: what was heard, in whole milliseconds, and never above what was received.
    assert [truncated["audio_end_ms"]] == [frame["audio_end_ms"] for frame in wire.sent("conversation.item.truncate")]
    assert truncated["item_id"] == interrupted.item_id
    assert isinstance(truncated["audio_end_ms"], int)
    assert interrupted.heard_ms == truncated["audio_end_ms"]
    assert 0 <= truncated["audio_end_ms"] <= PCM16_24K.duration_ms(sum(len(event.data) for event in before))

    # P5: nothing of the interrupted epoch any more, and all of the next one.
    assert {event.epoch for event in before} == {interrupted.epoch}
    assert {event.epoch for event in after} == {interrupted.epoch + 1}
    assert {event.response_id for event in after} == {answer.response_id}
    assert b"".join(event.data for event in after) == told_audio(wire, answer.response_id or "")
