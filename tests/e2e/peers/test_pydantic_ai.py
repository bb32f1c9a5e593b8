"""pydantic-ai's realtime agents hold their conversations with the emulator."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from listening import Listener
from wire import Wire

pytest.importorskip("pydantic_ai", reason="the group 'peers' is not installed")

from pydantic_ai import Agent
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.realtime.openai import OpenAIRealtimeModel

agent = Agent(instructions="You know the weather.")


@agent.tool_plain
def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It is foggy in {city}."


async def test_probe(emulate, hello, question):
    async with emulate() as wire:
        model = OpenAIRealtimeModel("gpt-realtime", provider=OpenAIProvider(base_url=wire.url, api_key="offline"))
        async with agent.realtime(model).session(handle_barge_in=True) as session:
            heard = Listener(session)
            await session.send("What is the weather in Paris?")
            await heard.until(lambda e: e.event_kind == "realtime_turn_complete")
            await session.send("Tell me a very long story")
            audio = session.stream_audio()
            for _ in range(3): await anext(audio)
            await session.send_audio(b"".join(hello))
            await wire.until_told("conversation.item.truncated")
            print(wire.sent("conversation.item.truncate"))
            await heard.until(lambda e: e.event_kind == "realtime_turn_complete",2)
            for e in heard.events: print(str(e)[:300])
        await heard.all(bool)
        for m in session.all_messages(): print(m)
        print([f["type"] for s,f in wire.frames if s=="client"])
        for s,f in wire.frames:
            if s=="client" and f["type"]=="session.update": print(f)
