"""From what the voice says to the client's audio bytes, in pieces of the service's size."""

from __future__ import annotations

from typing import Final

from offhook.audio import g711
from offhook.audio.formats import AudioFormat
from offhook.audio.resample import Resampler
from offhook_emulator.voice.protocols import MOUTH_RATE_HZ

#: The first piece is small, so that it can be heard soon; later ones are large, because each costs the same.
_PIECES_MS: Final = (60, 120, 240)


class Mouth:
    """Resamples, encodes and cuts the speech of one message. Sizes are of ``audio_format``."""

    def __init__(self, audio_format: AudioFormat) -> None:
        self._format = audio_format
        self._resampler = Resampler(MOUTH_RATE_HZ, audio_format.rate_hz)
        self._waiting = bytearray()
        self._pieces = 0

    def push(self, pcm: bytes) -> list[bytes]:
        """Take PCM16 24 kHz mono; give the pieces that it completes."""
        self._encode(self._resampler.push(pcm))
        pieces = list[bytes]()
        while len(self._waiting) >= (size := self._next_size()):
            pieces.append(self._cut(size))
        return pieces

    def flush(self) -> list[bytes]:
        """Give what is left, if anything."""
        self._encode(self._resampler.flush())
        return [self._cut(len(self._waiting))] if self._waiting else []

    def _encode(self, pcm: bytes) -> None:
        self._waiting += g711.encode(pcm, self._format.encoding)

    def _next_size(self) -> int:
        return self._format.size(_PIECES_MS[min(self._pieces, len(_PIECES_MS) - 1)])

    def _cut(self, size: int) -> bytes:
        piece = bytes(self._waiting[:size])
        del self._waiting[:size]
        self._pieces += 1
        return piece
