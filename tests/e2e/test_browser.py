"""@openai/agents-realtime in a real browser holds its conversations with the emulator, over WebRTC."""

from __future__ import annotations

import asyncio
import wave
from base64 import b64decode
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import javascript
import pytest
from wire import PATIENCE_S, Wire

from offhook import RealtimeAgent, RealtimeSession, ToolEnd, function_tool
from offhook.audio.formats import PCM16_24K
from offhook.audio.frames import silence
from offhook.audio.wav import read_wav
from offhook.settings import Settings
from offhook_emulator.voice.protocols import Voice

if TYPE_CHECKING:
    from judges import Judge

pytest.importorskip("aiortc", reason="the extra [webrtc] is not installed")
from browser import Page, browsing, bundle, chromium, serving
from calling import KEY, emulated, is_foggy

Open = Callable[..., AbstractAsyncContextManager[tuple[Page, Wire]]]
QUESTION = "What is the weather in Paris?"
ANSWER = "It is foggy in Paris."
STORY = "Tell me a very long story"


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page's script, with all that it imports."""
    chromium()
    javascript.install()
    return bundle("browser/page.mjs", tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def voice() -> Iterator[Voice]:
    pytest.importorskip("onnxruntime", reason="the extra [speech] is not installed")
    from offhook_emulator.voice.real import RealVoice

    voice = RealVoice()
    asyncio.run(asyncio.wait_for(voice.warm_up(), 60))
    yield voice
    voice.close()


@pytest.fixture(scope="module")
def judge(corpus: Path) -> Judge:
    for name in ("jsonschema", "openai"):
        pytest.importorskip(name, reason="the group 'peers' is not installed")
    from judges import Judge

    return Judge.of(corpus / "openai-openapi" / "openapi.json")


@pytest.fixture
def browse(script: str, voice: Voice, judge: Judge, tmp_path: Path) -> Open:
    """Open the page, and start an emulator: ``async with browse() as (page, wire)``.

    The person at the microphone says ``speech``, a WAV file, ``after_ms`` after the page asks for it. No line on the page's
    console may be a complaint.
    """

    @asynccontextmanager
    async def start(speech: Path | None = None, after_ms: int = 0) -> AsyncGenerator[tuple[Page, Wire]]:
        microphone = tmp_path / "microphone.wav"
        said = read_wav(speech).at(PCM16_24K.rate_hz).pcm if speech else b""
        _write(microphone, silence(PCM16_24K, after_ms) + said + silence(PCM16_24K, 1000))
        async with (
            emulated(voice, judge) as wire,
            serving(script) as address,
            browsing(address, microphone=microphone, folder=tmp_path) as page,
        ):
            yield page, wire
            assert page.all("complaint") == page.all("error") == []

    return start


def _write(path: Path, pcm: bytes) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(PCM16_24K.rate_hz)
        file.writeframes(pcm)


async def secret(wire: Wire, **session: Any) -> str:
    """Make a key for the browser, as the page's server would."""
    body = {"session": {"type": "realtime", "model": "gpt-realtime", **session}}
    async with httpx2.AsyncClient() as client:
        response = await client.post(f"{wire.url}/realtime/client_secrets", json=body, headers=KEY)
    return response.raise_for_status().json()["value"]


async def connect(page: Page, wire: Wire) -> str:
    """Connect the page's session; gives the id of the call."""
    return await page.call("call", wire.url, await secret(wire))


async def said(page: Page, role: str) -> list[str]:
    """Give the words of a side's messages, as the last history has them."""
    history = page.all("history_updated")[-1]["history"]
    parts = (part for item in history if item.get("role") == role for part in item["content"])
    return [part.get("text") or part.get("transcript") for part in parts]


async def heard(page: Page, voice: Voice) -> str:
    """Write down what came out of the browser's loudspeaker."""
    return await voice.speech_to_text.transcribe(b64decode(await page.call("heard")))


async def test_a_text_turn(browse: Open) -> None:
    async with browse() as (page, wire):
        call_id = await connect(page, wire)
        assert call_id.startswith("rtc_")
        await page.call("say", "Hello there")
        assert (await page.until("agent_end"))["text"] == "Hello! How can I help you?"
        await page.until("output_audio_buffer.stopped")
        assert await said(page, "assistant") == ["Hello! How can I help you?"]


async def test_a_tool_round_trip(browse: Open, voice: Voice) -> None:
    async with browse() as (page, wire):
        await connect(page, wire)
        await page.call("say", QUESTION)
        assert (await page.until("agent_tool_end"))["output"] == ANSWER
        await page.until("output_audio_buffer.stopped")
        assert await said(page, "assistant") == [ANSWER]
        assert is_foggy(await heard(page, voice))


async def test_a_spoken_turn(browse: Open, voice: Voice, corpus: Path) -> None:
    async with browse(corpus / "livekit" / "weather_question.wav", after_ms=500) as (page, wire):
        await connect(page, wire)
        assert (await page.until("agent_tool_end"))["output"] == ANSWER
        await page.until("output_audio_buffer.stopped")
        assert (await said(page, "user"), await said(page, "assistant")) == ([QUESTION], [ANSWER])
        assert is_foggy(await heard(page, voice))


async def test_a_turn_that_speech_interrupts(browse: Open, corpus: Path) -> None:
    async with browse(corpus / "livekit" / "hello_world.wav", after_ms=3000) as (page, wire):
        await connect(page, wire)
        await page.call("say", STORY)
        started = await page.until("output_audio_buffer.started")
        cleared = await page.until("output_audio_buffer.cleared")
        assert cleared["response_id"] == started["response_id"]
        truncated = await page.until("conversation.item.truncated")
        await page.until("output_audio_buffer.stopped")
        story, answer = (frame["response"] for frame in wire.told("response.done"))
        assert (story["id"], answer["status"]) == (cleared["response_id"], "completed")
        assert truncated["item_id"] == story["output"][0]["id"]
        # They spoke up three seconds after the page had asked for the microphone.
        assert 1000 < truncated["audio_end_ms"] < 5000
        assert wire.sent("conversation.item.truncate") == []


async def test_a_turn_that_the_page_interrupts(browse: Open) -> None:
    async with browse() as (page, wire):
        await connect(page, wire)
        await page.call("say", STORY)
        await page.until("output_audio_buffer.started")
        await page.call("interrupt")
        await page.until("output_audio_buffer.cleared")
        await page.until("conversation.item.truncated")


@function_tool
def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It is foggy in {city}."


async def test_a_sideband_session_runs_the_tool_of_the_browsers_call(browse: Open, voice: Voice, corpus: Path) -> None:
    agent = RealtimeAgent(name="Clerk", instructions="You know the weather.", tools=[get_weather])
    async with browse(corpus / "livekit" / "weather_question.wav", after_ms=1500) as (page, wire):
        call_id = await page.call("callWithoutTools", wire.url, await secret(wire))
        options: dict[str, Any] = {"url": wire.url, "api_key": "offline", "settings": Settings()}
        async with RealtimeSession(agent, transport="websocket", call_id=call_id, **options) as session:
            async with asyncio.timeout(PATIENCE_S):
                async for event in session:
                    if isinstance(event, ToolEnd):
                        break
            assert event.output == ANSWER
            await page.until("output_audio_buffer.stopped")
            assert is_foggy(await heard(page, voice))
            await page.call("hangUp")
            async with asyncio.timeout(PATIENCE_S):
                async for _ in session:  # the call is over, and so is the sideband
                    pass
