"""The rules and the real voice together: what is heard is answered aloud. Skipped without the extra ``[speech]``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from offhook.audio.resample import resample
from offhook.audio.wav import read_wav

pytest.importorskip("onnxruntime", reason="the extra [speech] is not installed")

from offhook_emulator.replies.protocol import ReplyRequest, Say
from offhook_emulator.replies.rules import answer
from offhook_emulator.voice.real import RealVoice

from .talk import call, output, plain, request, spoke, tool


@pytest.fixture(scope="module")
def voice() -> Iterator[RealVoice]:
    voice = RealVoice()
    asyncio.run(asyncio.wait_for(voice.warm_up(), 60))
    yield voice
    voice.close()


async def aloud(voice: RealVoice, asked: ReplyRequest, name: str = "marin") -> bytes:
    said = [piece.text for piece in answer(asked) if isinstance(piece, Say)]
    async with asyncio.timeout(60):
        return b"".join([pcm for text in said async for pcm in voice.text_to_speech.speak(text, voice=name)])


@pytest.mark.parametrize("argument", ["city", "location"])
async def test_a_recorded_question_calls_the_tool_and_its_output_is_heard(
    voice: RealVoice, corpus: Path, argument: str
) -> None:
    recording = read_wav(corpus / "livekit" / "weather_question.wav").at(16_000)
    heard = spoke(await voice.speech_to_text.transcribe(recording.pcm))
    weather = tool("get_weather", {argument: {"type": "string"}}, [argument])

    assert plain(list(answer(request(heard, tools=[weather])))) == [("get_weather", {argument: "Paris"})]

    spoken = await aloud(
        voice, request(heard, call("get_weather"), output("The weather in Paris is sunny."), tools=[weather])
    )
    assert await voice.speech_to_text.transcribe(resample(spoken, 24_000, 16_000)) == "The weather in Paris is sunny."


@pytest.mark.parametrize("name", ["marin", "shimmer"])
async def test_a_long_story_lasts_at_least_30_seconds(voice: RealVoice, name: str) -> None:
    story = await aloud(voice, request(spoke("Tell me a very long story.")), name)

    assert len(story) / 48_000 >= 30
