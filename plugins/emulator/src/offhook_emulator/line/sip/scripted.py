"""A caller without a telephone: speaks a recording, and records what they hear."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, TypeAlias

from offhook.audio import g711
from offhook.audio.formats import PCM16_24K, PCMU
from offhook.audio.frames import Framer, silence
from offhook.audio.resample import Resampler
from offhook_emulator.line.calls import Call
from offhook_emulator.line.sip.ticks import FRAME_MS, PHONE_FORMAT, ticks

State: TypeAlias = Literal["ringing", "live", "ended"]

#: They speak once they have heard nothing for so long: whoever answers is let finish their greeting.
_POLITE_MS: Final = 1000
_NOTHING: Final = silence(PCM16_24K, FRAME_MS)
_SILENCE: Final = silence(PCMU, FRAME_MS)
_ANSWERED: Final = 200
_GIVEN_UP: Final = 487


class ScriptedCaller:
    """Rings, speaks ``speech`` (PCM16 8 kHz mono) once, and listens until either side hangs up.

    What they hear is recorded to ``recording`` (WAV, PCM16 8 kHz mono), from the moment the call is answered. ``status`` is
    the SIP status that ended the ringing, ``hung_up_by`` who ended a call that was answered, ``referred_to`` where they
    were transferred to.
    """

    media_security = "absent"

    def __init__(self, headers: Sequence[tuple[str, str]], speech: bytes, recording: Path) -> None:
        self.headers = headers
        self.recording = recording
        self.ended = asyncio.Event()
        self.status: int | None = None
        self.hung_up_by: Literal["caller", "service"] | None = None
        self.referred_to: str | None = None
        self._speech = Framer(PCMU.size(FRAME_MS)).push(g711.encode(speech, PCMU.encoding))
        self._gone = asyncio.Event()

    @property
    def state(self) -> State:
        """Where the call is in its life."""
        if self.ended.is_set():
            return "ended"
        return "live" if self.status == _ANSWERED else "ringing"

    def decline(self, status: int) -> None:
        """Stop ringing."""
        self.status = status
        self.ended.set()

    def hang_up(self) -> None:
        """Hang up, whatever the state."""
        if self.state == "ringing":
            self.decline(_GIVEN_UP)
        self._gone.set()

    def refer(self, target_uri: str) -> None:
        """Take a transfer, and leave."""
        self.referred_to = target_uri
        self.hang_up()

    async def run(self, call: Call) -> None:
        """Hold the call."""
        self.status, self.hung_up_by = _ANSWERED, "service"
        try:
            async with asyncio.TaskGroup() as tasks:
                talking = tasks.create_task(self._talk(call))
                await self._gone.wait()
                self.hung_up_by = "caller"
                talking.cancel()
        finally:
            self.ended.set()

    async def _talk(self, call: Call) -> None:
        resampler = Resampler(PCM16_24K.rate_hz, PHONE_FORMAT.rate_hz)
        quiet_ms, speaking, unsaid = 0, False, iter(self._speech)
        with _recorder(self.recording) as recorder:
            async for _ in ticks():
                frame = call.pull()
                recorder.writeframesraw(_as_on_the_phone(resampler.push(frame or _NOTHING)))
                quiet_ms = 0 if frame else quiet_ms + FRAME_MS
                speaking = speaking or quiet_ms >= _POLITE_MS
                await call.hear(next(unsaid, _SILENCE) if speaking else _SILENCE, PCMU)


def _recorder(path: Path) -> wave.Wave_write:
    recorder = wave.open(str(path), "wb")  # noqa: SIM115 - the caller closes it
    recorder.setnchannels(1)
    recorder.setsampwidth(2)
    recorder.setframerate(PHONE_FORMAT.rate_hz)
    return recorder


def _as_on_the_phone(pcm: bytes) -> bytes:
    return g711.decode(g711.encode(pcm, PCMU.encoding), PCMU.encoding)
