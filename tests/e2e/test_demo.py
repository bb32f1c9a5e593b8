"""The main job: real speech goes in, a tool is called, a spoken answer comes out, over a transport chosen by name."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from offhook.audio.wav import read_wav
from offhook.cli.screen import Screen
from offhook_emulator import demo
from offhook_emulator.voice.real import RealVoice

ANSWER = "It is sunny in Paris, with a light breeze and twenty one degrees."
#: A turn ends after this much silence; what comes on top is ours.
SILENCE_MS = 500
OURS_MS = 300


async def _words_of(path: Path) -> str:
    """What the emulator's own ears make of a file."""
    voice = RealVoice()
    try:
        await voice.warm_up()
        return await voice.speech_to_text.transcribe(read_wav(path).at(16_000).pcm)
    finally:
        voice.close()


def _bare(text: str) -> list[str]:
    return "".join(c if c.isalnum() else " " for c in text.lower().replace("21", "twenty one")).split()


def test_the_demo_answers_aloud_with_what_the_tool_said(clean_environ: dict[str, str], tmp_path: Path) -> None:
    """As a user runs it: exit code 0, and the answer's file, transcribed again, holds the tool's answer."""
    command = [sys.executable, "-m", "offhook", "demo", "--output", "answer.wav"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=90, check=False, cwd=tmp_path, env=clean_environ
    )
    assert done.returncode == 0, done.stderr
    assert "get_weather" in done.stdout
    assert "end of speech" in done.stdout
    wav = read_wav(tmp_path / "answer.wav")
    assert wav.rate_hz == 24_000
    assert _bare(asyncio.run(_words_of(tmp_path / "answer.wav"))) == _bare(ANSWER)


@pytest.mark.timeout(180)
async def test_recorded_human_speech_is_answered_within_the_silence_and_300_ms(corpus: Path, tmp_path: Path) -> None:
    """Best of three: the figure is the pipeline's, and not that of whatever else the machine did meanwhile."""
    question, screen = corpus / "livekit" / "weather_question.wav", Screen(Console(record=True, width=120))
    voice = RealVoice()
    try:
        reports = [
            await demo.converse(voice, "websocket", question, tmp_path / f"{number}.wav", screen) for number in range(3)
        ]
    finally:
        voice.close()
    assert min(report.first_audio_ms for report in reports) <= SILENCE_MS + OURS_MS
    said = screen.console.export_text()
    assert 'get_weather({"city": "Paris"})' in said
    assert _bare(ANSWER) == _bare(await _words_of(tmp_path / "0.wav"))
