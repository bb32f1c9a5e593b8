"""Spoken conversations from the command line: ``offhook talk`` with a sound card, and ``offhook demo`` without one."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
from array import array
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import soundcard
from e2e_tools import run
from wire import PATIENCE_S

from offhook.audio.resample import resample
from offhook.audio.wav import read_wav
from offhook_emulator.demo import QUESTION
from offhook_emulator.voice.protocols import EAR_RATE_HZ, Voice

OFFHOOK = (sys.executable, "-m", "offhook")
#: What the tool of ``offhook talk`` says.
ANSWER = "it is sunny in paris with a light breeze and twenty one degrees"
#: A machine that is busy drops some sound, and who is not understood asks again.
_TRIES = 4
#: Longer than the pause between two sentences.
_PAUSE_S = 1.5
#: What is quieter is what codecs make of silence.
_AUDIBLE = 500


@pytest.fixture(scope="module")
def ears() -> Iterator[Voice]:
    pytest.importorskip("onnxruntime", reason="the extra [speech] is not installed")
    from offhook_emulator.voice.real import RealVoice

    voice = RealVoice()
    asyncio.run(asyncio.wait_for(voice.warm_up(), 60))
    yield voice
    voice.close()


async def written(ears: Voice, pcm: bytes, rate_hz: int) -> str:
    """Write down what is said, without the ways there are to write a number."""
    text = await ears.speech_to_text.transcribe(resample(pcm, rate_hz, EAR_RATE_HZ))
    return " ".join(re.findall(r"\w+", text.lower().replace("21", "twenty one")))


@pytest.fixture(scope="module")
def emulator_url() -> Iterator[str]:
    """An emulator as a user starts it."""
    pytest.importorskip("onnxruntime", reason="the extra [speech] is not installed")
    with subprocess.Popen([*OFFHOOK, "emulator", "--port", "0"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split("listening on ")[1].strip()
        finally:
            process.terminate()


@pytest.fixture(params=["websocket", "webrtc"])
def transport(request: pytest.FixtureRequest) -> str:
    pytest.importorskip(f"offhook_{request.param}.transport", reason=f"{request.param} is not installed")
    return request.param


class Tape:
    """Records the virtual loudspeaker."""

    def __init__(self) -> None:
        self.pcm = bytearray()
        self._arrived = asyncio.Event()

    async def record(self) -> None:
        async for piece in soundcard.loudspeaker():
            self.pcm += piece
            self._arrived.set()

    async def until_said(self) -> bytes:
        """Wait for a sound and the silence after it, and give both."""
        async with asyncio.timeout(PATIENCE_S):
            while not self._is_over():
                self._arrived.clear()
                await self._arrived.wait()
        return bytes(self.pcm)

    def _is_over(self) -> bool:
        samples = array("h", self.pcm[: len(self.pcm) & ~1])
        pause = round(_PAUSE_S * soundcard.RATE_HZ)
        return _audible(samples) and not _audible(samples[-pause:])


def _audible(samples: array[int]) -> bool:
    return max(samples, default=0) > _AUDIBLE


@asynccontextmanager
async def recording() -> AsyncGenerator[Tape]:
    tape = Tape()
    running = asyncio.create_task(tape.record())
    yield tape
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def until_printed(process: asyncio.subprocess.Process, start: str) -> str:
    """Wait for a line that starts like this."""
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        async for line in process.stdout:
            if line.decode().strip().startswith(start):
                return line.decode()
    _, complaints = await process.communicate()
    raise AssertionError(f"it ended before it said {start!r}: {complaints.decode()}")


@pytest.mark.usefixtures("pulse")
async def test_a_question_into_the_microphone_is_answered_from_the_loudspeaker(
    transport: str, emulator_url: str, ears: Voice, clean_environ: dict[str, str], tmp_path: Path
) -> None:
    question, heard = read_wav(QUESTION).at(soundcard.RATE_HZ).pcm, ""
    devices = ("--microphone", "mic", "--speaker", "Speaker")
    command = (*OFFHOOK, "talk", "--transport", transport, "--url", emulator_url, *devices)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "cwd": tmp_path}
    environ = {**clean_environ, "OPENAI_API_KEY": "any"}
    async with soundcard.process(*command, env=environ, **pipes) as talk, recording() as tape:
        await until_printed(talk, "Speak")
        for _ in range(_TRIES):
            tape.pcm.clear()
            await soundcard.say(question)
            await until_printed(talk, "agent")
            heard = await written(ears, await tape.until_said(), soundcard.RATE_HZ)
            if heard == ANSWER:
                break
        talk.send_signal(signal.SIGINT)
        _, complaints = await asyncio.wait_for(talk.communicate(), PATIENCE_S)
    assert heard == ANSWER
    assert (talk.returncode, complaints) == (0, b"")


@pytest.mark.usefixtures("pulse")
def test_devices_are_listed_by_the_names_that_talk_takes(tmp_path: Path) -> None:
    lines = run([*OFFHOOK, "devices"], cwd=tmp_path).splitlines()
    rows = [line.split() for line in lines]
    assert ["microphone", "Mic", "yes", "miniaudio"] in rows
    assert ["loudspeaker", "Speaker", "yes", "miniaudio"] in rows
    assert ["loudspeaker", "MicFeed", "miniaudio"] in rows


async def test_the_demo_holds_the_same_conversation_over_webrtc(
    ears: Voice, clean_environ: dict[str, str], tmp_path: Path
) -> None:
    pytest.importorskip("offhook_webrtc.transport", reason="webrtc is not installed")
    command = [*OFFHOOK, "demo", "--transport", "webrtc", "--output", "answer.wav"]
    shown = run(command, cwd=tmp_path, env={**clean_environ, "COLUMNS": "200"})
    assert "you What is the weather in Paris?" in shown
    assert 'tool get_weather({"city": "Paris"}) → It is sunny in Paris' in shown
    assert re.search(r"connect +end of speech → first audio +total +audio in +audio out\n", shown)
    answer = read_wav(tmp_path / "answer.wav")
    assert answer.rate_hz == 24_000
    assert await written(ears, answer.pcm, answer.rate_hz) == ANSWER


@pytest.mark.parametrize("kind", ["devices", "talk"])
def test_without_a_sound_card_there_is_one_paragraph_that_says_what_to_do(
    kind: str, transport: str, clean_environ: dict[str, str], tmp_path: Path
) -> None:
    environ = {**clean_environ, "XDG_RUNTIME_DIR": str(tmp_path), "PULSE_SERVER": f"unix:{tmp_path}/none"}
    environ |= {"ALSA_CONFIG_PATH": "/dev/null", "OPENAI_API_KEY": "any", "OFFHOOK_TRANSPORT": transport}
    done = subprocess.run(
        [*OFFHOOK, kind], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("offhook: ")
    assert done.stderr.count("\n") == 1
