"""The two ends of a conversation that is held without devices, and how they get to the transport.

Where the audio passes through the contract, the ends are our business. A transport that handles the audio itself
(``capabilities.handles_audio``) is handed them through its options, under the names that its options class gives them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from attrs import define, field

from offhook.audio.formats import PCM16_24K, AudioFormat
from offhook.audio.frames import Framer, silence
from offhook.audio.resample import resample
from offhook.audio.wav import WavAudio
from offhook.cli.levels import rms
from offhook.errors import Unsupported
from offhook.hookspecs import RealtimeTransportLayer
from offhook.plugins import load_transport, make_transport
from offhook.settings import load_settings
from offhook.structure import fields_of

#: A microphone gives a frame this often.
FRAME_MS: Final = 20
#: How far ahead of its time a frame may be fetched by a transport that keeps the time itself.
_AHEAD_MS: Final = 3 * FRAME_MS
#: Root mean square above which somebody speaks in a frame, and above which there is any sound in a piece (of 32768).
_LOUD: Final = 300
_AUDIBLE: Final = 30
#: What a transport that handles the audio needs to have, or nothing on this machine can talk through it.
_ENDS: Final = frozenset({"input", "output"})


def transport_for(
    name: str | None, needed: Mapping[str, Any], wanted: Mapping[str, Any] | None = None
) -> RealtimeTransportLayer:
    """Make the transport ``name`` (default: the configured one) for a conversation held from this machine.

    One that handles the audio itself is given ``needed`` as options, and those of ``wanted`` that it has. For any other,
    nothing is needed. Raises what ``make_transport`` raises, and ``Unsupported`` where there is no such option.
    """
    settings = load_settings()
    transport = make_transport(name, settings=settings)
    if not transport.capabilities.handles_audio:
        return transport
    chosen = name or settings.transport
    known = fields_of(load_transport(chosen, settings).options_class).keys()
    if missing := sorted((_ENDS | needed.keys()) - known):
        raise Unsupported(
            f"a conversation from this machine over {chosen!r}",
            f"handles_audio, and its options have no {' and no '.join(missing)}",
            "Its sound comes and goes elsewhere, on a telephone perhaps. Choose another transport: offhook transports.",
        )
    extra = {option: value for option, value in (wanted or {}).items() if option in known}
    return make_transport(name, settings=settings, **needed, **extra)


@define(eq=False)
class Question:
    """A recording as a microphone gives it: frames of 20 ms at the pace of speech, and silence after it, for ever.

    Iterating over it gives PCM16 mono at 24 kHz, ``_AHEAD_MS`` early, for whoever takes it at the pace of speech.
    """

    wav: WavAudio
    #: How much was taken, in milliseconds, and when the last loud frame was (seconds of ``time.perf_counter``).
    taken_ms: float = field(init=False, default=0.0)
    ended_at: float = field(init=False, default=0.0)

    @property
    def asked(self) -> bool:
        """Whether all of it was taken, and silence is what comes."""
        return self.taken_ms >= self.wav.duration_ms

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self.frames(PCM16_24K.rate_hz, ahead_ms=_AHEAD_MS)

    async def frames(self, rate_hz: int, *, ahead_ms: float = 0.0) -> AsyncIterator[bytes]:
        """Give frames of PCM16 mono at ``rate_hz``, each ``ahead_ms`` before it is due."""
        audio_format = AudioFormat("audio/pcm", rate_hz)
        framer = Framer(audio_format.size(FRAME_MS))
        quiet = silence(audio_format, FRAME_MS)
        frames = [*framer.push(self.wav.at(rate_hz).pcm), framer.flush(quiet)]
        start, number = time.perf_counter() - ahead_ms / 1000, 0
        while True:
            frame = (frames[number] if number < len(frames) else b"") or quiet
            yield frame
            # Whoever took it is back, so it is on its way.
            self.taken_ms += FRAME_MS
            if rms(frame) > _LOUD:
                self.ended_at = time.perf_counter()
            number += 1
            # By deadline, not by a sleep after each frame: those add up.
            await asyncio.sleep(start + number * FRAME_MS / 1000 - time.perf_counter())


@define(eq=False)
class Answer:
    """What is heard of the assistant, from the first sound to the last."""

    #: When the first sound came (seconds of ``time.perf_counter``); 0 before.
    began_at: float = field(init=False, default=0.0)
    _heard: bytearray = field(init=False, factory=bytearray, repr=False)
    #: Where the sound is, in bytes.
    _first: int = field(init=False, default=0)
    _end: int = field(init=False, default=0)
    _rate_hz: int = field(init=False, default=PCM16_24K.rate_hz)
    _news: asyncio.Event = field(init=False, factory=asyncio.Event)

    def hear(self, pcm: bytes, rate_hz: int) -> None:
        """Take a piece of PCM16 mono."""
        self._rate_hz = rate_hz
        start = len(self._heard)
        self._heard += pcm
        if rms(pcm) > _AUDIBLE:
            if not self.began_at:
                self.began_at, self._first = time.perf_counter(), start
            self._end = len(self._heard)
        self._news.set()

    def forget(self) -> None:
        """Begin anew: what was heard was not the answer."""
        self._heard.clear()
        self._first = self._end = 0
        self.began_at = 0.0

    @property
    def pcm(self) -> bytes:
        """What was heard, as PCM16 mono at 24 kHz."""
        # Pieces may be cut in the middle of a sample.
        sound = self._heard[self._first & ~1 : self._end & ~1]
        return resample(bytes(sound), self._rate_hz, PCM16_24K.rate_hz)

    @property
    def quiet_ms(self) -> float:
        """How long the silence is that came after the last sound, in milliseconds."""
        return AudioFormat("audio/pcm", self._rate_hz).duration_ms(len(self._heard) - self._end)

    async def quiet(self, ms: float) -> None:
        """Wait for a sound, and for ``ms`` of silence after it."""
        while not self.began_at or self.quiet_ms < ms:
            self._news.clear()
            await self._news.wait()
