"""openai-agents for Python holds its conversations with the emulator."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from listening import Listener
from wire import Wire

pytest.importorskip("agents", reason="the group 'peers' is not installed")

from agents import function_tool
from agents.realtime import RealtimeAgent, RealtimeRunner


@function_tool
def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It is foggy in {city}."


class Caller:
    """An application that is written with the framework."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.heard = Listener[Any](session)

    async def until(self, kind: str, count: int = 1) -> Any:
        return await self.heard.until(lambda event: event.type == kind, count)

    async def speak(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            await self.session.send_audio(piece)

    async def until_said(self, role: str, words: str) -> str:
        """Wait until history holds a message of ``role`` with ``words`` in it; give all of its text."""

        def said(event: Any) -> str:
            items = event.history if event.type == "history_updated" else []
            texts = (_text(item) for item in items if item.type == "message" and item.role == role)
            return next((text for text in texts if words in text), "")

        return said(await self.heard.until(lambda event: bool(said(event))))


def _text(item: Any) -> str:
    return "".join(getattr(part, "transcript", None) or getattr(part, "text", None) or "" for part in item.content)


@asynccontextmanager
async def call(wire: Wire, **settings: Any) -> AsyncGenerator[Caller]:
    agent = RealtimeAgent(name="Clerk", instructions="You know the weather.", tools=[get_weather])
    url = f"{wire.url.replace('http', 'ws', 1)}/realtime"
    model = {"url": url, "api_key": "offline", "initial_model_settings": settings}
    session = await RealtimeRunner(agent).run(model_config=model)
    caller = Caller(session)
    async with session:
        yield caller
    assert await caller.heard.all(lambda event: event.type == "error") == []


async def test_a_text_turn(emulate):
    async with emulate() as wire, call(wire) as caller:
        await caller.session.send_message("Hello there")
        assert await caller.until_said("assistant", "How can") == "Hello! How can I help you?"
        await caller.until("agent_end")


async def test_a_tool_round_trip(emulate):
    async with emulate() as wire, call(wire) as caller:
        await caller.session.send_message("What is the weather in Paris?")
        assert (await caller.until("tool_end")).output == "It is foggy in Paris."
        assert await caller.until_said("assistant", "foggy") == "It is foggy in Paris."


async def test_a_spoken_turn_that_server_vad_ends(emulate, question):
    async with emulate() as wire, call(wire, turn_detection={"type": "server_vad"}) as caller:
        await caller.speak(question)
        assert await caller.until_said("user", "weather") == "What is the weather in Paris?"
        assert (await caller.until("tool_end")).output == "It is foggy in Paris."
        await caller.until_said("assistant", "foggy")
        assert wire.told("input_audio_buffer.speech_stopped")


async def test_an_interruption(emulate, hello):
    async with emulate() as wire, call(wire) as caller:
        await caller.session.send_message("Tell me a very long story")
        audio = await caller.until("audio", 3)
        await caller.speak(hello)
        assert (await caller.until("audio_interrupted")).item_id == audio.item_id
        truncated = await wire.until_told("conversation.item.truncated")
        assert truncated["item_id"] == audio.item_id
        interrupted = await wire.until_told("response.done")
        assert interrupted["response"]["status_details"]["reason"] == "turn_detected"
        await caller.until_said("assistant", "How can")
