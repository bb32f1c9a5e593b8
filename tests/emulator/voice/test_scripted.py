"""The scripted voice understands what it said itself, whatever the line does to it."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from array import array
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.audio.g711 import decode, encode
from offhook.audio.resample import resample
from offhook.audio.wav import read_wav
from offhook_emulator.voice import ScriptedVoice
from offhook_emulator.voice.protocols import Voice
from offhook_emulator.voice.scripted import decode as read_tones

QUESTION = "What is the weather in Paris?"


async def say(text: str) -> bytes:
    return b"".join([piece async for piece in ScriptedVoice().text_to_speech.speak(text)])


async def hear(pcm_24k: bytes) -> str:
    return await ScriptedVoice().speech_to_text.transcribe(resample(pcm_24k, 24_000, 16_000))


def noise(seconds: float, loudness: int) -> bytes:
    dice = random.Random(1)
    return array("h", (dice.randint(-loudness, loudness) for _ in range(int(seconds * 16_000)))).tobytes()


@pytest.mark.parametrize("text", [QUESTION, "a", "Grüße aus Zürich – 21 °C!", "1234567890 " * 20])
async def test_what_it_said_is_transcribed_exactly(text: str) -> None:
    assert await hear(await say(text)) == text.strip()


@pytest.mark.parametrize("encoding", ["audio/pcmu", "audio/pcma"])
async def test_text_survives_the_telephone_network(encoding: str) -> None:
    narrow = resample(await say(QUESTION), 24_000, 8_000)

    wide = resample(decode(encode(narrow, encoding), encoding), 8_000, 24_000)

    assert await hear(wide) == QUESTION


@settings(max_examples=25, deadline=None)
@given(
    silence=st.integers(0, 3000),
    volume=st.floats(0.1, 2.5),
    text=st.text(min_size=1, max_size=12),
    tail=st.integers(0, 999),
)
def test_text_survives_silence_around_it_and_changes_of_volume(
    silence: int, volume: float, text: str, tail: int
) -> None:
    spoken = array("h", asyncio.run(say(text)))
    line = array("h", (int(sample * volume) for sample in spoken))

    heard = asyncio.run(hear(bytes(2 * silence) + line.tobytes() + bytes(2 * tail)))

    assert heard == text.strip()


async def test_two_utterances_in_one_recording_are_joined_with_a_space() -> None:
    first, second = await say("Hello."), await say("How are you?")

    assert await hear(first + second) == "Hello. How are you?"
    assert await hear(first + bytes(4801) + b"\0" + second) == "Hello. How are you?"


async def test_of_speech_cut_off_the_letters_said_are_understood() -> None:
    spoken = await say(QUESTION)

    assert await hear(spoken[: len(spoken) // 2]) == QUESTION[:14]


async def test_other_loud_audio_takes_the_scripted_transcripts_in_order_and_then_the_fixed_one() -> None:
    ears = ScriptedVoice(["first", "second"], otherwise="anything").speech_to_text

    assert [await ears.transcribe(noise(0.5, 9000)) for _ in range(4)] == ["first", "second", "anything", "anything"]


async def test_silence_is_the_empty_text_and_takes_no_transcript() -> None:
    ears = ScriptedVoice(["first"]).speech_to_text

    assert [await ears.transcribe(pcm) for pcm in (b"", b"\0", bytes(32_000), noise(1, 90))] == [""] * 4
    assert await ears.transcribe(noise(0.5, 9000)) == "first"


async def test_a_recording_of_a_person_is_not_taken_for_tones(corpus: Path) -> None:
    samples = array("h", read_wav(corpus / "livekit" / "weather_question.wav").at(16_000).pcm)

    assert read_tones(samples) == []


async def test_speech_lasts_about_60_ms_per_letter() -> None:
    assert len(await say("x" * 100)) / 48_000 == pytest.approx(6.06)
    assert await say("  ") == b""


async def test_speech_comes_in_small_pieces_of_whole_samples() -> None:
    pieces = [piece async for piece in ScriptedVoice().text_to_speech.speak(QUESTION, voice="alloy", speed=1.5)]

    assert all(len(piece) == 2 * 24 * 60 for piece in pieces)


async def test_the_detector_calls_what_is_loud_speech() -> None:
    speech = resample(await say(QUESTION), 24_000, 16_000)

    probabilities = ScriptedVoice().detector().push(bytes(16_000) + speech + bytes(16_000))

    assert set(probabilities[:24] + probabilities[-24:]) == {0.0}
    assert set(probabilities[26:-26]) == {1.0}


@given(st.lists(st.integers(0, 900), max_size=8))
def test_the_detector_takes_pieces_of_any_length(sizes: list[int]) -> None:
    pcm, detector, found = noise(0.3, 9000), ScriptedVoice().detector(), list[float]()

    start = 0
    for size in sizes:
        found += detector.push(pcm[start : start + size])
        start = min(start + size, len(pcm))

    assert len(found) == start // 640


def test_it_needs_no_numpy() -> None:
    code = "import sys, offhook_emulator.voice as v; v.voice_from('scripted'); sys.exit('numpy' in sys.modules)"

    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


async def test_it_is_a_voice() -> None:
    voice: Voice = ScriptedVoice()
    await voice.warm_up()
