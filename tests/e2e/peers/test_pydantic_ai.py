"""pydantic-ai's realtime agents hold their conversations with the emulator."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from listening import Listener
from wire import Wire

from offhook.audio.formats import PCM16_24K

pytest.importorskip("pydantic_ai", reason="the group 'peers' is not installed")

from pydantic_ai import Agent, FunctionToolResultEvent, PartEndEvent, SpeechPart
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.realtime import RealtimeInputSpeechStartEvent, RealtimeSessionErrorEvent, RealtimeTurnCompleteEvent
from pydantic_ai.realtime.openai import OpenAIRealtimeModel

agent = Agent(instructions="You know the weather.")


@agent.tool_plain
def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It is foggy in {city}."


class Caller:
    """An application that is written with the framework."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.heard = Listener[Any](session)

    async def until(self, kind: type, count: int = 1) -> Any:
        return await self.heard.until(lambda event: isinstance(event, kind), count)

    async def until_said(self, speaker: str, words: str) -> SpeechPart:
        """Wait for the end of something said by ``speaker`` with ``words`` in it."""

        def said(event: Any) -> bool:
            part = event.part if isinstance(event, PartEndEvent) else None
            return isinstance(part, SpeechPart) and part.speaker == speaker and words in (part.transcript or "")

        return (await self.heard.until(said)).part


@asynccontextmanager
async def call(wire: Wire, **options: Any) -> AsyncGenerator[Caller]:
    model = OpenAIRealtimeModel("gpt-realtime", provider=OpenAIProvider(base_url=wire.url, api_key="offline"))
    async with agent.realtime(model).session(**options) as session:
        caller = Caller(session)
        yield caller
        assert [event for event in caller.heard.events if isinstance(event, RealtimeSessionErrorEvent)] == []


async def test_a_text_turn(emulate):
    async with emulate() as wire, call(wire) as caller:
        await caller.session.send("Hello there")
        said = await caller.until_said("assistant", "How can")
        assert said.transcript == "Hello! How can I help you?"
        await caller.until(RealtimeTurnCompleteEvent)


async def test_a_tool_round_trip(emulate):
    async with emulate() as wire, call(wire) as caller:
        await caller.session.send("What is the weather in Paris?")
        assert (await caller.until(FunctionToolResultEvent)).part.content == "It is foggy in Paris."
        await caller.until(RealtimeTurnCompleteEvent)
        assert (await caller.until_said("assistant", "foggy")).transcript == "It is foggy in Paris."


async def test_a_spoken_turn_that_server_vad_ends(emulate, question):
    async with emulate() as wire, call(wire) as caller:
        for piece in question:
            await caller.session.send_audio(piece)
        assert (await caller.until_said("user", "weather")).transcript == "What is the weather in Paris?"
        assert (await caller.until(FunctionToolResultEvent)).part.content == "It is foggy in Paris."
        await caller.until_said("assistant", "foggy")
        assert wire.sent("session.update")[0]["session"]["audio"]["input"]["turn_detection"]["type"] == "server_vad"


async def test_an_interruption(emulate, hello):
    async with emulate() as wire, call(wire, handle_barge_in=True) as caller:
        loudspeaker = caller.session.stream_audio()
        await caller.session.send("Tell me a very long story")
        played = [await anext(loudspeaker) for _ in range(3)][:-1]  # whoever asks for the next one has played the last
        for piece in hello:
            await caller.session.send_audio(piece)
        await caller.until(RealtimeInputSpeechStartEvent)
        await caller.until_said("assistant", "Here is a story")
        truncated = await wire.until_told("conversation.item.truncated")
        assert truncated["audio_end_ms"] == PCM16_24K.duration_ms(sum(map(len, played)))
        interrupted = await wire.until_told("response.done")
        assert interrupted["response"]["status_details"]["reason"] == "turn_detected"
        await caller.until_said("user", "Hello world")
        await caller.until_said("assistant", "How can")
        story = next(part for message in caller.session.all_messages() for part in message.parts if _is_story(part))
        assert story.interrupted_at_ms == truncated["audio_end_ms"]


def _is_story(part: Any) -> bool:
    return isinstance(part, SpeechPart) and "Here is a story" in (part.transcript or "")
