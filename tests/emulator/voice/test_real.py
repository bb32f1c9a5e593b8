"""The real voice, with its models: it hears, writes and speaks. Skipped where the extra ``[speech]`` is missing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from offhook.audio.resample import resample
from offhook.audio.wav import read_wav

pytest.importorskip("onnxruntime", reason="the extra [speech] is not installed")

import numpy as np

from offhook_emulator.voice import moonshine
from offhook_emulator.voice.hibari import trim
from offhook_emulator.voice.real import RealVoice

SENTENCE = "The weather in Paris is sunny, and it will stay warm until Friday evening."


@pytest.fixture(scope="module")
def voice() -> Iterator[RealVoice]:
    voice = RealVoice()
    asyncio.run(asyncio.wait_for(voice.warm_up(), 60))
    yield voice
    voice.close()


@pytest.fixture
def question(corpus: Path) -> bytes:
    """Give a person's recorded question as PCM16 16 kHz mono."""
    return read_wav(corpus / "livekit" / "weather_question.wav").at(16_000).pcm


async def say(voice: RealVoice, text: str, /, **style: object) -> list[bytes]:
    async with asyncio.timeout(30):
        return [piece async for piece in voice.text_to_speech.speak(text, **style)]


async def hear(voice: RealVoice, pcm_24k: bytes) -> str:
    async with asyncio.timeout(30):
        return await voice.speech_to_text.transcribe(resample(pcm_24k, 24_000, 16_000))


async def test_a_recorded_question_is_written_down(voice: RealVoice, question: bytes) -> None:
    assert await voice.speech_to_text.transcribe(question) == "What is the weather in Paris?"


def test_the_detector_marks_the_speech_of_a_recording(voice: RealVoice, question: bytes) -> None:
    probabilities = voice.detector().push(question + bytes(32_000))

    # Speech lies between 0.44 and 1.8 s: hops 14 to 56.
    assert max(probabilities[:13]) < 0.3
    assert min(probabilities[16:54]) > 0.7
    assert max(probabilities[60:]) < 0.3


def test_the_detector_gives_the_same_whatever_the_size_of_the_pieces(voice: RealVoice, question: bytes) -> None:
    whole, detector = voice.detector().push(question), voice.detector()

    in_pieces = [p for at in range(0, len(question), 333) for p in detector.push(question[at : at + 333])]

    assert in_pieces == whole


def test_detectors_share_the_model_and_nothing_else(voice: RealVoice, question: bytes) -> None:
    first, second = voice.detector(), voice.detector()
    first.push(question)

    assert second.push(question) == voice.detector().push(question)


async def test_what_it_says_is_heard_again_word_for_word(voice: RealVoice) -> None:
    heard = await hear(voice, b"".join(await say(voice, SENTENCE)))

    assert heard.lower().replace(",", "") == SENTENCE.lower().replace(",", "")


async def test_the_same_text_is_the_same_audio(voice: RealVoice) -> None:
    assert await say(voice, SENTENCE) == await say(voice, SENTENCE)


async def test_every_voice_name_speaks_and_speed_shortens(voice: RealVoice) -> None:
    lengths = {name: len(b"".join(await say(voice, SENTENCE, voice=name))) for name in ("marin", "onyx", "unheard-of")}
    fast = len(b"".join(await say(voice, SENTENCE, speed=1.5)))

    assert lengths["onyx"] > lengths["marin"] == lengths["unheard-of"] > fast


async def test_speech_comes_sentence_by_sentence(voice: RealVoice) -> None:
    assert len(await say(voice, "Hello. How are you? I am fine.")) == 3


@pytest.mark.parametrize("text", ["", " \n", "😀"])
async def test_text_without_words_is_no_audio(voice: RealVoice, text: str) -> None:
    assert await say(voice, text) == []


async def test_speech_begins_at_once_and_ends_with_a_short_pause(voice: RealVoice) -> None:
    audio = np.abs(np.frombuffer(b"".join(await say(voice, "Hello there.")), np.int16))
    loud = np.flatnonzero(audio > 0.02 * audio.max())

    assert loud[0] <= 0.031 * 24_000
    assert len(audio) - loud[-1] == pytest.approx(0.3 * 24_000, abs=240)


async def test_closing_the_iterator_early_leaves_the_voice_usable(voice: RealVoice) -> None:
    speech = voice.text_to_speech.speak("One. Two. Three.")
    async with asyncio.timeout(30):
        await anext(speech)
        await speech.aclose()

    assert len(await say(voice, "Four.")) == 1


async def test_several_calls_at_once_are_served(voice: RealVoice, question: bytes) -> None:
    async with asyncio.timeout(30):
        texts = await asyncio.gather(*(voice.speech_to_text.transcribe(question) for _ in range(3)))

    assert set(texts) == {"What is the weather in Paris?"}


@pytest.mark.parametrize("sound", ["nothing", "silence", "noise", "tone"])
async def test_what_is_no_speech_is_the_empty_text(voice: RealVoice, sound: str) -> None:
    time = np.arange(2 * 16_000) / 16_000
    samples = {
        "nothing": time[:0],
        "silence": 0 * time,
        "noise": np.random.default_rng(0).normal(0, 2000, len(time)),
        "tone": 8000 * np.sin(2 * np.pi * 440 * time),
    }

    assert await voice.speech_to_text.transcribe(samples[sound].astype("<i2").tobytes()) == ""


async def test_speech_longer_than_a_piece_is_written_whole(voice: RealVoice) -> None:
    text = " ".join(
        f"This is sentence number {n} of a rather long speech." for n in ("one", "two", "three", "four", "five", "six")
    )

    heard = await hear(voice, b"".join(await say(voice, text)))

    assert heard.lower().count("of a rather long speech") == 6


def test_long_speech_is_cut_at_its_quietest_place() -> None:
    samples = np.full(20 * 16_000, 0.5, np.float32)
    samples[12 * 16_000 : 12 * 16_000 + 3200] = 0

    first, rest = moonshine.pieces(samples)

    assert len(first) / 16_000 == pytest.approx(12.1, abs=0.06)
    assert len(first) + len(rest) == len(samples)


def test_silence_is_trimmed_to_nothing() -> None:
    assert len(trim(np.zeros(2400, np.float32), 300)) == 0
    assert len(trim(np.zeros(0, np.float32), 300)) == 0


async def test_without_a_warm_up_the_models_are_loaded_when_needed(question: bytes) -> None:
    voice = RealVoice()
    try:
        assert voice.detector().push(question)
        assert await hear(voice, b"".join(await say(voice, "Good morning."))) == "Good morning."
    finally:
        voice.close()
