"""A conversation is recorded while it is held, and replayed without a network: the same history, tools and words."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from wire import PATIENCE_S

from offhook import AudioInterrupted, RealtimeSession, ToolEnd, TranscriptEvent, TurnDone
from offhook.agent import RealtimeAgent
from offhook.audio.formats import PCM16_24K
from offhook.audio.wav import WavAudio, write_wav
from offhook.cli.conversation import Conversation
from offhook.cli.media import Question
from offhook.cli.talk import AGENT
from offhook.events import Event
from offhook.recording import read_recording, record, recorded_agent, replay
from offhook_emulator.replies.rules import Rules
from offhook_emulator.server import Emulator
from offhook_emulator.voice.scripted import ScriptedVoice
from offhook_websocket import OpenAIRealtimeWebSocket, WebSocketOptions

KEY = "sk-proj-not-to-be-seen-1234"
ANSWER = "It is sunny in Paris, with a light breeze and twenty one degrees."


async def spoken(text: str) -> bytes:
    return b"".join([piece async for piece in ScriptedVoice().text_to_speech.speak(text)])


class Heard:
    """What a session told that an application would act on."""

    def __init__(self, session: RealtimeSession) -> None:
        self.words: list[tuple[str, str]] = []
        self.outputs: list[str] = []
        self.turns: list[tuple[str, str]] = []
        self.audio_ms = 0.0
        session.on("transcript", self._transcript)
        session.on("agent_tool_end", self._tool)
        session.on("turn_done", self._turn)
        session.on("audio", self._audio)

    def _transcript(self, event: TranscriptEvent) -> None:
        if event.final:
            self.words.append((event.role, event.text))

    def _tool(self, event: ToolEnd) -> None:
        self.outputs.append(event.output)

    def _turn(self, event: TurnDone) -> None:
        self.turns.append((event.turn_id, event.status))

    def _audio(self, event: Event) -> None:
        self.audio_ms += event.audio_ms


async def replayed(session: RealtimeSession) -> Heard:
    heard = Heard(session)
    async with asyncio.timeout(PATIENCE_S), session:
        async for _ in session:
            pass
    return heard


@pytest.mark.parametrize("audio", [False, True])
async def test_a_spoken_conversation_with_a_tool_is_replayed_to_the_same_history(tmp_path: Path, audio: bool) -> None:
    path = tmp_path / "call.jsonl"
    question = Question(WavAudio(await spoken("What is the weather in Paris?"), PCM16_24K.rate_hz))
    async with asyncio.timeout(PATIENCE_S), Emulator(voice=ScriptedVoice(), replies=Rules()) as emulator:
        transport = OpenAIRealtimeWebSocket(WebSocketOptions(url=emulator.url, api_key=KEY))
        session = RealtimeSession(AGENT, transport=transport)
        first = Heard(session)
        with record(transport, path, audio=audio):
            await Conversation(question).hold(session, lambda _: None)
    assert first.outputs == [ANSWER]
    assert KEY not in path.read_text()

    for agent in (AGENT, recorded_agent(read_recording(path))):
        again = RealtimeSession(agent, transport=replay(path))
        heard = await replayed(again)
        assert again.history == session.history
        assert again.usage == session.usage
        assert vars(heard) == vars(first)


async def test_an_interruption_is_replayed_as_it_was_heard(tmp_path: Path) -> None:
    """At any speed: how much was heard goes by the time of the recording."""
    path, interrupted = tmp_path / "call.jsonl", list[AudioInterrupted]()
    async with asyncio.timeout(PATIENCE_S), Emulator(voice=ScriptedVoice(), replies=Rules()) as emulator:
        transport = OpenAIRealtimeWebSocket(WebSocketOptions(url=emulator.url, api_key=KEY))
        session = RealtimeSession(RealtimeAgent(name="A"), transport=transport)
        session.on("audio_interrupted", interrupted.append)
        with record(transport, path):
            async with session:
                speaking = asyncio.Event()
                session.on("audio", lambda _: speaking.set())
                truncated = asyncio.Event()
                session.on("*", lambda e: truncated.set() if e.payload["type"].endswith(".truncated") else None)
                await session.send_message("Tell me a long story.")
                await speaking.wait()
                for _ in range(100):
                    await session.send_audio(await spoken("Stop"))
                    if interrupted:
                        break
                    await asyncio.sleep(0.05)
                await truncated.wait()
    again = RealtimeSession(RealtimeAgent(name="A"), transport=replay(path))
    repeated: list[AudioInterrupted] = []
    again.on("audio_interrupted", repeated.append)
    await replayed(again)
    assert [event.item_id for event in repeated] == [event.item_id for event in interrupted]
    for then, now in zip(interrupted, repeated, strict=True):
        assert then.heard_ms is not None
        assert now.heard_ms == pytest.approx(then.heard_ms, abs=20)
    assert again.history == session.history


@contextlib.contextmanager
def emulating(environ: dict[str, str]) -> Iterator[str]:
    """An emulator as a user starts it; gives its URL."""
    command = [sys.executable, "-m", "offhook", "emulator", "--port", "0", "--voice", "scripted"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split("listening on ")[1].strip()
        finally:
            process.terminate()


def test_the_commands_record_and_replay_as_a_user_runs_them(clean_environ: dict[str, str], tmp_path: Path) -> None:
    write_wav(tmp_path / "question.wav", asyncio.run(spoken("What is the weather in Paris?")), PCM16_24K.rate_hz)
    environ = {**clean_environ, "OPENAI_API_KEY": KEY}

    def offhook(*arguments: str) -> str:
        command = [sys.executable, "-m", "offhook", *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path, env=environ
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    with emulating(environ) as url:
        offhook("record", "--transport", "websocket", "--url", url, "--question", "question.wav")
    shown = offhook("replay", "recording.jsonl")
    assert "you What is the weather in Paris?" in shown
    assert f'tool get_weather({{"city": "Paris"}}) → {ANSWER}' in shown
    assert f"agent {ANSWER}" in shown
    assert KEY not in (tmp_path / "recording.jsonl").read_text()


def test_a_program_that_is_killed_leaves_whole_lines(tmp_path: Path) -> None:
    program = """
import asyncio, sys
from offhook.loopback import Loopback
from offhook.recording import record

async def main():
    transport = Loopback()
    with record(transport, "call.jsonl"):
        await transport.connect()
        while True:
            await transport.send_message("Hello", respond=False)
            print("said", flush=True)
            await asyncio.sleep(0)

asyncio.run(main())
"""
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        assert process.stdout is not None
        for _ in range(50):
            process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
    lines = (tmp_path / "call.jsonl").read_text().splitlines(keepends=True)
    assert all(line.endswith("\n") and json.loads(line) for line in lines)
    assert len([event for event in read_recording(tmp_path / "call.jsonl").sent if "item" in event]) >= 50
