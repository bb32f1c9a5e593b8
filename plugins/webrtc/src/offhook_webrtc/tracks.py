"""Tracks between aiortc and us: what is sent, at the pace of speech, and what is received, bounded."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from fractions import Fraction
from typing import Any, Final, Protocol

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from attrs import define
from av import AudioFrame

from offhook.audio.formats import PCM16_24K, AudioFormat
from offhook_webrtc.options import AudioTrack

#: What WebRTC sends at once (RFC 7874, 4).
FRAME_MS: Final = 20
#: Further behind than this, a sender does not catch up: it would only send a burst that nobody can play.
_MAX_LATE_S: Final = 0.2
#: A second: a reader that is slower loses the oldest.
_MAX_FRAMES: Final = 50


@define
class InputGate:
    """Whether what is recorded may leave: not while muted, and not before the service knows what it is to do with it."""

    muted: bool = False
    ready: bool = True

    @property
    def open(self) -> bool:
        """Whether sound passes."""
        return self.ready and not self.muted


class PcmSource(Protocol):
    """Something that can be asked for PCM16 mono and never waits."""

    def take(self, size: int) -> bytes:
        """Give the next ``size`` bytes, or fewer where there are no more yet."""
        ...


class PacedTrack(MediaStreamTrack):
    """Frames of 20 ms, each at its deadline, with what ``source`` has by then; silence for the rest."""

    kind = "audio"

    def __init__(self, source: PcmSource, rate_hz: int, gate: InputGate) -> None:
        super().__init__()
        self._source = source
        self._rate_hz = rate_hz
        self._size = AudioFormat("audio/pcm", rate_hz).size(FRAME_MS)
        self._gate = gate
        self._clock = _Clock()
        self._pts = 0

    async def recv(self) -> AudioFrame:
        """Give the next frame when it is due."""
        if self.readyState != "live":
            raise MediaStreamError
        await self._clock.tick()
        # Nothing is lost while we wait for the service; what is said while muted is.
        pcm = self._source.take(self._size) if self._gate.ready else b""
        if self._gate.muted:
            pcm = b""
        frame = pcm_frame(pcm.ljust(self._size, b"\x00"), self._rate_hz, pts=self._pts)
        self._pts += frame.samples
        return frame


class BorrowedTrack(MediaStreamTrack):
    """A caller's track, through our gate. It is read and nothing else: aiortc stops what it sends, and stops this one."""

    kind = "audio"

    def __init__(self, track: AudioTrack, gate: InputGate) -> None:
        super().__init__()
        self._track = track
        self._gate = gate
        self._ended = False
        self._last = pcm_frame(bytes(PCM16_24K.size(FRAME_MS)), PCM16_24K.rate_hz, pts=0)
        self._clock = _Clock()

    async def recv(self) -> Any:
        """Give the caller's next frame, silent where the gate is shut, and silence after the last one."""
        if self.readyState != "live":
            raise MediaStreamError
        if not self._ended:
            try:
                self._last = await self._track.recv()
            except MediaStreamError:
                # A sender that ends says goodbye for the whole call, and the call goes on.
                self._ended = True
            else:
                return self._last if self._gate.open else _silenced(self._last)
        await self._clock.tick()
        rate_hz, pts = self._last.sample_rate, (self._last.pts or 0) + self._last.samples
        self._last = pcm_frame(bytes(AudioFormat("audio/pcm", rate_hz).size(FRAME_MS)), rate_hz, pts=pts)
        return self._last


class RelayedTrack(MediaStreamTrack):
    """The remote track for one more reader. A slow one loses the oldest frames; aiortc's own would keep them all."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._frames: deque[AudioFrame] = deque(maxlen=_MAX_FRAMES)
        self._arrived = asyncio.Event()

    def put(self, frame: AudioFrame) -> None:
        """Hand over a frame."""
        self._frames.append(frame)
        self._arrived.set()

    def flush(self) -> None:
        """Forget what was not read."""
        self._frames.clear()

    async def recv(self) -> AudioFrame:
        """Give the next frame."""
        while not self._frames:
            if self.readyState != "live":
                raise MediaStreamError
            self._arrived.clear()
            await self._arrived.wait()
        return self._frames.popleft()

    def stop(self) -> None:
        """End it; a reader that waits is told."""
        super().stop()
        self._arrived.set()


class _Clock:
    """Ticks every 20 ms, by deadlines: the delays of single ticks do not add up."""

    def __init__(self) -> None:
        self._due = 0.0

    async def tick(self) -> None:
        """Wait for the next tick; the first one is now."""
        now = time.monotonic()
        if now - self._due > _MAX_LATE_S:
            self._due = now
        elif self._due > now:
            await asyncio.sleep(self._due - now)
        self._due += FRAME_MS / 1000


def pcm_frame(pcm: bytes, rate_hz: int, *, pts: int) -> AudioFrame:
    """Make a frame of PCM16 mono, at once on both channels. ``pts`` counts samples.

    aiortc's Opus has two channels, and spreads what is mono over them 3 dB quieter.
    """
    both = bytearray(2 * len(pcm))
    both[0::4] = both[2::4] = pcm[0::2]
    both[1::4] = both[3::4] = pcm[1::2]
    frame = AudioFrame(format="s16", layout="stereo", samples=len(pcm) // 2)
    frame.planes[0].update(bytes(both))
    frame.sample_rate = rate_hz
    frame.time_base = Fraction(1, rate_hz)
    frame.pts = pts
    return frame


def _silenced(frame: Any) -> Any:
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    return frame
