"""Audio formats, and the arithmetic between bytes and milliseconds."""

from __future__ import annotations

from functools import cached_property
from typing import Final

from attrs import frozen

#: Bytes of one sample of one channel, by encoding.
_SAMPLE_BYTES: Final = {"audio/pcm": 2, "audio/pcmu": 1, "audio/pcma": 1}


@frozen
class AudioFormat:
    """How audio bytes are to be read.

    ``encoding`` is a MIME type: ``audio/pcm`` (signed 16 bit little endian), ``audio/pcmu`` or ``audio/pcma``
    (G.711, RFC 3551). ``rate_hz`` is in samples per second.
    """

    encoding: str = "audio/pcm"
    rate_hz: int = 24_000
    channels: int = 1

    @cached_property  # every piece of audio is measured
    def bytes_per_second(self) -> int:
        """Bytes of one second of audio."""
        return self.rate_hz * self.channels * _SAMPLE_BYTES.get(self.encoding, 2)

    def duration_ms(self, size: int) -> float:
        """Milliseconds of ``size`` bytes."""
        return size * 1000 / self.bytes_per_second

    def size(self, duration_ms: float) -> int:
        """Bytes of ``duration_ms`` milliseconds, cut to whole samples."""
        frame = self.channels * _SAMPLE_BYTES.get(self.encoding, 2)
        return int(duration_ms * self.rate_hz / 1000) * frame


#: What the services speak unless told otherwise: PCM16 at 24 kHz.
PCM16_24K: Final = AudioFormat("audio/pcm", 24_000)
#: G.711 µ-law, as on telephone lines in North America and Japan.
PCMU: Final = AudioFormat("audio/pcmu", 8_000)
#: G.711 A-law, as on telephone lines elsewhere.
PCMA: Final = AudioFormat("audio/pcma", 8_000)
