"""The vendor's own Python SDK holds its conversations with the emulator."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from listening import Listener
from wire import Wire

openai = pytest.importorskip("openai", reason="the group 'peers' is not installed")

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Tell the weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


class Caller:
    """An application that is written with the SDK."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self._heard = Listener[Any](connection)

    async def until(self, kind: str, count: int = 1) -> Any:
        return await self._heard.until(lambda event: event.type == kind, count)

    async def say(self, text: str) -> None:
        content = [{"type": "input_text", "text": text}]
        await self.connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
        await self.connection.response.create()

    async def speak(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            await self.connection.input_audio_buffer.append(audio=base64.b64encode(piece).decode())

    async def answer_the_call(self) -> Any:
        call = await self.until("response.function_call_arguments.done")
        assert (call.name, json.loads(call.arguments)) == ("get_weather", {"city": "Paris"})
        item = {"type": "function_call_output", "call_id": call.call_id, "output": "It is foggy and 12 degrees."}
        await self.connection.conversation.item.create(item=item)
        await self.until("response.done")
        await self.connection.response.create()

    async def response(self, count: int) -> Any:
        return (await self.until("response.done", count)).response


@asynccontextmanager
async def call(wire: Wire, **session: Any) -> AsyncGenerator[Caller]:
    client = openai.AsyncOpenAI(base_url=wire.url, api_key="offline")
    async with client, client.realtime.connect(model="gpt-realtime") as connection:
        await connection.session.update(session={"type": "realtime", **session})
        yield Caller(connection)


async def test_a_text_turn(emulate):
    async with emulate() as wire, call(wire, output_modalities=["text"]) as caller:
        await caller.say("Hello there")
        response = await caller.response(1)
        assert response.status == "completed"
        assert response.output[0].content[0].text == "Hello! How can I help you?"


async def test_a_tool_round_trip(emulate):
    async with emulate() as wire, call(wire, tools=[WEATHER]) as caller:
        await caller.say("What is the weather in Paris?")
        await caller.answer_the_call()
        assert "foggy" in (await caller.response(2)).output[0].content[0].transcript


async def test_a_spoken_turn_that_server_vad_ends(emulate, question):
    heard = {"transcription": {"model": "whisper-1"}, "turn_detection": {"type": "server_vad"}}
    async with emulate() as wire, call(wire, tools=[WEATHER], audio={"input": heard}) as caller:
        await caller.speak(question)
        await caller.until("input_audio_buffer.speech_stopped")
        said = await caller.until("conversation.item.input_audio_transcription.completed")
        assert said.transcript == "What is the weather in Paris?"
        await caller.answer_the_call()
        assert "foggy" in (await caller.response(2)).output[0].content[0].transcript


async def test_an_interruption(emulate, hello):
    async with emulate() as wire, call(wire) as caller:
        await caller.say("Tell me a very long story")
        audio = await caller.until("response.output_audio.delta")
        await caller.speak(hello)
        await caller.until("input_audio_buffer.speech_started")
        interrupted = await caller.response(1)
        assert (interrupted.status, interrupted.status_details.reason) == ("cancelled", "turn_detected")
        await caller.connection.conversation.item.truncate(item_id=audio.item_id, content_index=0, audio_end_ms=50)
        assert (await caller.until("conversation.item.truncated")).audio_end_ms == 50
        assert (await caller.response(2)).status == "completed"
