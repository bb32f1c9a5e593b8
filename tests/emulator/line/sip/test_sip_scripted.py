"""A caller without a telephone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from offhook.audio import g711
from offhook.audio.formats import AudioFormat
from offhook.audio.wav import read_wav
from offhook_emulator.line.sip import scripted
from offhook_emulator.line.sip.scripted import ScriptedCaller

LOUD = b"\x00\x20" * 480
SPEECH = b"\x00\x10" * 160 * 5  # five frames at 8 kHz
QUIET = b"\xff" * 160


class Call:
    """What a caller is on the line of: plays ``frames``, and ends the test's patience after ``ticks``."""

    def __init__(self, frames: list[bytes], ticks: int = 200) -> None:
        self._frames = frames
        self._ticks = ticks
        self.heard: list[bytes] = []
        self.done = asyncio.Event()

    def pull(self) -> bytes:
        return self._frames.pop(0) if self._frames else b""

    async def hear(self, audio: bytes, audio_format: AudioFormat) -> None:
        assert audio_format.encoding == "audio/pcmu"
        self.heard.append(audio)
        if len(self.heard) == self._ticks:
            self.done.set()


@pytest.fixture(autouse=True)
def _no_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    async def ticks() -> AsyncIterator[None]:
        while True:
            yield
            await asyncio.sleep(0)

    monkeypatch.setattr(scripted, "ticks", ticks)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return tmp_path / "heard.wav"


async def _hold(caller: ScriptedCaller, call: Call) -> None:
    running = asyncio.create_task(caller.run(call))
    await asyncio.wait_for(call.done.wait(), 10)
    caller.hang_up()
    await running


async def test_they_speak_once_the_line_was_quiet_for_a_second(recording):
    call = Call([LOUD] * 10)
    await _hold(ScriptedCaller([], SPEECH, recording), call)
    speech = [at for at, frame in enumerate(call.heard) if frame != QUIET]
    # Ten frames of greeting, and fifty of silence, the last of which they already speak in.
    assert speech == list(range(59, 64))
    assert b"".join(call.heard[59:64]) == g711.encode_ulaw(SPEECH)


async def test_what_they_hear_is_recorded_as_a_telephone_sounds(recording):
    await _hold(ScriptedCaller([], b"", recording), Call([b""] * 5 + [LOUD] * 10, ticks=20))
    heard = read_wav(recording)
    assert heard.rate_hz == 8000
    assert heard.duration_ms >= 380
    frames = [heard.pcm[at : at + 320] for at in range(0, len(heard.pcm) - 319, 320)]
    assert not any(frames[2])
    assert any(frames[10])


async def test_who_hung_up_is_known(recording):
    caller = ScriptedCaller([], b"", recording)
    await _hold(caller, Call([], ticks=3))
    assert (caller.state, caller.status, caller.hung_up_by) == ("ended", 200, "caller")


async def test_the_service_may_hang_up(recording):
    caller, call = ScriptedCaller([], b"", recording), Call([], ticks=3)
    running = asyncio.create_task(caller.run(call))
    await asyncio.wait_for(call.done.wait(), 10)
    assert caller.state == "live"
    running.cancel()
    await asyncio.wait([running])
    assert (caller.state, caller.hung_up_by) == ("ended", "service")
    assert read_wav(recording).duration_ms > 0


async def test_a_call_that_was_declined_is_over(recording):
    caller = ScriptedCaller([], b"", recording)
    caller.decline(603)
    assert (caller.state, caller.status, caller.hung_up_by) == ("ended", 603, None)


async def test_hanging_up_while_it_rings_is_giving_up(recording):
    caller = ScriptedCaller([], b"", recording)
    caller.hang_up()
    assert (caller.state, caller.status, caller.hung_up_by) == ("ended", 487, None)


async def test_a_transfer_is_taken_and_ends_the_call(recording):
    caller, call = ScriptedCaller([], b"", recording), Call([], ticks=3)
    running = asyncio.create_task(caller.run(call))
    await asyncio.wait_for(call.done.wait(), 10)
    caller.refer("tel:+14155550123")
    await running
    assert (caller.referred_to, caller.hung_up_by) == ("tel:+14155550123", "caller")
