"""The vendor's own clients answer phone calls of the emulator: the SDK, and both agent frameworks."""

from __future__ import annotations

import asyncio
import json
from array import array
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import javascript
import pytest
from listening import Listener
from wire import PATIENCE_S, Wire

pytest.importorskip("openai", reason="the group 'peers' is not installed")
pytest.importorskip("agents", reason="the group 'peers' is not installed")

import openai
from agents import function_tool
from agents.realtime import OpenAIRealtimeSIPModel, RealtimeAgent, RealtimeRunner
from attrs import define
from judges import Judge
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from telephones import KEY, SECRET, served

from offhook.audio.resample import resample
from offhook.audio.wav import read_wav, write_wav
from offhook_emulator.replies.rules import Rules
from offhook_emulator.server import Emulator
from offhook_emulator.voice.protocols import EAR_RATE_HZ
from offhook_emulator.voice.scripted import ScriptedVoice, decode

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Tell the weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
ANSWER = "It is foggy in Paris."


@define(eq=False)
class Shop:
    """An application with the vendor's SDK. ``events`` gets what its webhooks say."""

    client: Any
    http: httpx2.AsyncClient
    wire: Wire
    events: asyncio.Queue[Any]
    question: Path

    async def rings(self, **call: Any) -> str:
        """Let somebody call who asks for the weather; gives the call's id once the webhook has it."""
        call = {"audio": str(self.question), **call}
        given = {name: value for name, value in call.items() if value is not None}
        placed = (await self.http.post("/emulator/calls", json=given)).json()
        event = await asyncio.wait_for(self.events.get(), PATIENCE_S)
        assert event.type == "realtime.call.incoming"
        assert event.data.call_id == placed["id"]
        return placed["id"]

    async def ended(self, call_id: str) -> dict[str, Any]:
        """Wait until a call is over; gives how it went."""
        return (await self.http.get(f"/emulator/calls/{call_id}", params={"wait_s": PATIENCE_S})).json()

    async def heard(self, call_id: str) -> str:
        """Give what the caller heard, of a call that is over."""
        heard = read_wav((await self.ended(call_id))["recording"])
        return " ".join(decode(array("h", resample(heard.pcm, heard.rate_hz, EAR_RATE_HZ))))


@pytest.fixture
def shop(corpus: Path, tmp_path: Path):
    """``async with shop() as at``: in the end nothing may have been refused, and every frame is a right one."""
    judge = Judge.of(corpus / "openai-openapi" / "openapi.json")

    @asynccontextmanager
    async def make(failures: int = 0) -> AsyncGenerator[Shop]:
        events, wire = asyncio.Queue(), Wire()
        client = openai.AsyncOpenAI(api_key=KEY, base_url="http://emulator.invalid/v1", webhook_secret=SECRET)

        async def take(request: Request) -> Response:
            nonlocal failures
            if failures:
                failures -= 1
                return Response(status_code=500)
            events.put_nowait(client.webhooks.unwrap(await request.body(), request.headers))
            return Response()

        speech = b"".join(
            [piece async for piece in ScriptedVoice().text_to_speech.speak("What is the weather in Paris?")]
        )
        write_wav(tmp_path / "question.wav", speech, 24_000)
        app = Starlette(routes=[Route("/hook", take, methods=["POST"])])
        async with (
            client,
            served(app) as url,
            Emulator(
                voice=ScriptedVoice(),
                replies=Rules(),
                observer=wire.note,
                webhook_url=f"{url}/hook",
                webhook_secret=SECRET,
            ) as emulator,
            httpx2.AsyncClient(
                base_url=emulator.url.removesuffix("/v1"),
                headers={"Authorization": f"Bearer {KEY}"},
                timeout=PATIENCE_S,
            ) as http,
        ):
            wire.url = client.base_url = emulator.url
            yield Shop(client, http, wire, events, tmp_path / "question.wav")
        assert wire.told("error") == []
        assert [what for who, frame in wire.frames if who == "server" for what in judge.complaints(frame)] == []

    return make


async def test_the_sdk_accepts_a_call_answers_with_a_tool_and_hangs_up(shop):
    async with shop() as at:
        call_id, calls = await at.rings(), at.client.realtime.calls
        await calls.accept(
            call_id, type="realtime", model="gpt-realtime-2.1", instructions="Be brief.", tools=[WEATHER]
        )
        async with at.client.realtime.connect(call_id=call_id) as connection:
            events = Listener[Any](connection)
            call = await events.until(lambda event: event.type == "response.function_call_arguments.done")
            assert json.loads(call.arguments) == {"city": "Paris"}
            item = {"type": "function_call_output", "call_id": call.call_id, "output": ANSWER}
            await connection.conversation.item.create(item=item)
            await connection.response.create()
            await events.until(lambda event: event.type == "output_audio_buffer.stopped")
            await calls.hangup(call_id)
            await events.all(lambda event: False)  # noqa: ARG005 - to the end
        assert await at.heard(call_id) == ANSWER


async def test_the_sdk_greets_first(shop):
    async with shop() as at:
        call_id = await at.rings(audio=None)
        await at.client.realtime.calls.accept(call_id, type="realtime")
        async with at.client.realtime.connect(call_id=call_id) as connection:
            await connection.response.create(response={"instructions": "Say exactly: Good morning!"})
            await at.wire.until_told("output_audio_buffer.stopped")
        await at.client.realtime.calls.hangup(call_id)
        assert await at.heard(call_id) == "Good morning!"


async def test_a_webhook_that_is_not_taken_comes_again(shop):
    async with shop(failures=1) as at:
        call_id = await at.rings()
        await at.client.realtime.calls.reject(call_id)
        assert (await at.ended(call_id))["status_code"] == 603


async def test_the_sdk_transfers(shop):
    async with shop() as at:
        call_id = await at.rings()
        await at.client.realtime.calls.accept(call_id, type="realtime")
        async with at.client.realtime.connect(call_id=call_id) as connection:
            await at.client.realtime.calls.refer(call_id, target_uri="tel:+14155550123")
            await Listener[Any](connection).all(lambda _event: False)
        assert (await at.ended(call_id))["referred_to"] == "tel:+14155550123"


async def test_the_sdk_rejects(shop):
    async with shop() as at:
        call_id = await at.rings()
        await at.client.realtime.calls.reject(call_id, status_code=486)
        assert (await at.ended(call_id))["status_code"] == 486
        with pytest.raises(openai.NotFoundError, match=call_id):
            await at.client.realtime.calls.accept(call_id, type="realtime")


@function_tool
def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It is foggy in {city}."


async def test_openai_agents_answers_with_its_sip_model(shop):
    agent = RealtimeAgent(name="Clerk", instructions="You know the weather.", tools=[get_weather])
    async with shop() as at:
        call_id = await at.rings()
        payload = await OpenAIRealtimeSIPModel.build_initial_session_payload(agent)
        await at.client.realtime.calls.accept(call_id, **payload.model_dump(exclude_none=True))
        url = f"{at.wire.url.replace('http', 'ws', 1)}/realtime?call_id={call_id}"
        model = {"url": url, "api_key": KEY, "call_id": call_id}
        session = await RealtimeRunner(agent, model=OpenAIRealtimeSIPModel()).run(model_config=model)
        async with session:
            events = Listener[Any](session)
            assert (await events.until(lambda event: event.type == "tool_end")).output == ANSWER
            await at.wire.until_told("output_audio_buffer.stopped")
            await at.client.realtime.calls.hangup(call_id)
        assert await at.heard(call_id) == ANSWER


async def test_npm_answers_with_its_sip_transport(shop):
    javascript.install()
    async with shop() as at:
        call_id = await at.rings()
        told = await javascript.run("sip/answer.mjs", at.wire.url, call_id)
        assert told == [
            {"event": "connected"},
            {"event": "agent_tool_end", "output": ANSWER},
            {"event": "disconnected"},
        ]
        assert await at.heard(call_id) == ANSWER
