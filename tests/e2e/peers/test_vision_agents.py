"""vision-agents, which calls over WebRTC with aiortc, holds its conversations with the emulator.

The client is as it was published. From outside, it is told where the service is (OPENAI_BASE_URL), and aiortc beneath it to ask
no STUN server. It has an environment and a process of its own, since it needs an older aiortc than we do.
"""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from base64 import b64decode
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest
from calling import is_foggy
from e2e_tools import Environment, run
from listening import Listener
from wire import PATIENCE_S, Wire

pytestmark = pytest.mark.timeout(300)  # the first test installs the client, and everything that it needs

Told: TypeAlias = dict[str, Any]
_CLIENT: Final = Path(__file__).with_name("vision_agents_caller.py")
_REQUIREMENTS: Final = Path(__file__).with_name("vision_agents.requirements.txt")
#: The client takes what arrives in frames of 20 ms. After so many more, what was under way has arrived.
_HALF_A_SECOND: Final = 25


@pytest.fixture(scope="session")
def python(make_environment: Callable[[], Environment]) -> Path:
    """The interpreter of an environment that holds the client, which was imported once: the first time takes longest."""
    environment = make_environment()
    environment.install("--requirements", _REQUIREMENTS)
    run([environment.python, "-c", "import vision_agents.plugins.openai"])
    return environment.python


class Caller:
    """An application that is written with the framework."""

    def __init__(self, process: Process, speech: Path) -> None:
        self.told = Listener[Told](_told(process))
        self._process = process
        self._speech = speech

    async def until(self, event: str, count: int = 1, **fields: Any) -> Told:
        """Wait for the ``count``-th event of a name that has these fields."""
        return await self.told.until(lambda told: {**told, "event": event, **fields} == told, count)

    def say(self, text: str) -> None:
        self._wish(say=text)

    def speak(self, pieces: Iterable[bytes]) -> None:
        self._speech.write_bytes(b"".join(pieces))
        self._wish(play=str(self._speech))

    async def heard(self) -> bytes:
        """Wait for what is still under way; give all that the client took from the line, PCM16 16 kHz mono."""
        self._wish(echo="now")
        await self.until("echo")
        await self.until("RealtimeAudioOutput", len(self._audio()) + _HALF_A_SECOND)
        return b"".join(b64decode(told["data"]) for told in self._audio())

    async def hang_up(self) -> None:
        """End the call, and the process, which has nothing to complain of."""
        self._process.stdin.close()
        assert await self.told.all(lambda told: told["event"] == "error") == []
        assert await self._process.wait() == 0

    def _audio(self) -> list[Told]:
        return [told for told in self.told.events if told["event"] == "RealtimeAudioOutput"]

    def _wish(self, **wish: str) -> None:
        self._process.stdin.write(json.dumps(wish).encode() + b"\n")


async def _told(process: Process) -> AsyncIterator[Told]:
    async for line in process.stdout:
        yield json.loads(line)


Call: TypeAlias = Callable[[Wire], AbstractAsyncContextManager[Caller]]


@pytest.fixture
def call(python: Path, clean_environ: dict[str, str], tmp_path: Path) -> Call:
    """Call an emulator: ``async with call(wire) as caller``."""
    complaints = tmp_path / "stderr"

    @asynccontextmanager
    async def calling(wire: Wire) -> AsyncGenerator[Caller]:
        environ = {**clean_environ, "OPENAI_BASE_URL": wire.url, "OPENAI_API_KEY": "offline"}
        with complaints.open("wb") as stderr:
            process = await asyncio.create_subprocess_exec(
                *(python, _CLIENT), stdin=PIPE, stdout=PIPE, stderr=stderr, env=environ
            )
        try:
            caller = Caller(process, tmp_path / "speech.pcm")
            await wire.until_told("session.created")
            yield caller
            await asyncio.wait_for(caller.hang_up(), PATIENCE_S)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            sys.stderr.write(complaints.read_text())  # for whoever reads why a test failed
        assert complaints.read_text() == ""

    return calling


async def test_a_text_turn(emulate, call, voice):
    async with emulate() as wire, call(wire) as caller:
        caller.say("Hello there")
        transcript = await caller.until("RealtimeAgentTranscript", mode="final")
        assert transcript["text"] == "Hello! How can I help you?"
        response = (await wire.until_told("response.done"))["response"]
        await caller.until("RealtimeAgentSpeechStarted", response_id=response["id"])
        await caller.until("RealtimeAgentSpeechEnded", response_id=response["id"], interrupted=False)
        await wire.until_told("output_audio_buffer.stopped")
        assert "how can i help you" in (await voice.speech_to_text.transcribe(await caller.heard())).lower()
        assert response["output"][0]["content"][0]["transcript"] == transcript["text"]


async def test_a_tool_round_trip(emulate, call, voice):
    async with emulate() as wire, call(wire) as caller:
        (created,) = wire.told("session.created")
        assert [tool["name"] for tool in created["session"]["tools"]] == ["get_weather"]
        caller.say("What is the weather in Paris?")
        assert (await caller.until("tool"))["city"] == "Paris"
        await caller.until("RealtimeAgentTranscript", text="It is foggy in Paris.")
        await wire.until_told("output_audio_buffer.stopped")
        assert is_foggy(await voice.speech_to_text.transcribe(await caller.heard()))
        output = wire.sent("conversation.item.create")[-1]["item"]
        assert output["call_id"] == wire.told("response.function_call_arguments.done")[0]["call_id"]
        assert json.loads(output["output"]) == {"result": "It is foggy in Paris."}


async def test_a_spoken_turn_that_semantic_vad_ends(emulate, call, voice, question):
    async with emulate() as wire, call(wire) as caller:
        (created,) = wire.told("session.created")
        assert created["session"]["audio"]["input"]["turn_detection"]["type"] == "semantic_vad"
        caller.speak(question)
        await caller.until("RealtimeUserSpeechStarted")
        await caller.until("RealtimeUserSpeechEnded")
        assert (await caller.until("RealtimeUserTranscript"))["text"] == "What is the weather in Paris?"
        assert (await caller.until("tool"))["city"] == "Paris"
        await caller.until("RealtimeAgentTranscript", text="It is foggy in Paris.")
        await wire.until_told("output_audio_buffer.stopped")
        assert is_foggy(await voice.speech_to_text.transcribe(await caller.heard()))
        assert wire.sent("input_audio_buffer.append") == []


async def test_an_interruption(emulate, call, voice, hello):
    async with emulate() as wire, call(wire) as caller:
        caller.say("Tell me a very long story")
        started = await caller.until("RealtimeAgentSpeechStarted")
        caller.speak(hello)
        await caller.until("RealtimeUserSpeechStarted")
        await caller.until("RealtimeAudioOutputDone", interrupted=True)
        await caller.until("RealtimeAgentSpeechEnded", response_id=started["response_id"], interrupted=True)
        await caller.until("RealtimeAgentTranscript", text="Hello! How can I help you?")
        await wire.until_told("output_audio_buffer.stopped")
        assert "how can i help you" in (await voice.speech_to_text.transcribe(await caller.heard())).lower()
        story, answer = (frame["response"] for frame in wire.told("response.done"))
        assert story["id"] == started["response_id"]
        assert (story["status_details"]["reason"], answer["status"]) == ("turn_detected", "completed")
        assert [frame["response_id"] for frame in wire.told("output_audio_buffer.cleared")] == [story["id"]]
        (truncated,) = wire.told("conversation.item.truncated")
        assert truncated["item_id"] == story["output"][0]["id"]
        assert truncated["audio_end_ms"] > 0
