"""From the client's audio bytes to what the voice hears."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from offhook.audio import g711
from offhook.audio.formats import AudioFormat
from offhook.audio.resample import Resampler
from offhook_emulator.voice.protocols import EAR_RATE_HZ, VoiceActivityDetector

#: Audio heard at once. An append may hold minutes; other sessions get their turn in between.
_SLICE_MS: Final = 500


class Ear:
    """Decodes, resamples and listens, for one session."""

    def __init__(self, detector: VoiceActivityDetector) -> None:
        self._detector = detector
        self._format: AudioFormat | None = None
        self._resampler = Resampler(EAR_RATE_HZ, EAR_RATE_HZ)

    def listen(self, audio: bytes, audio_format: AudioFormat) -> Iterator[tuple[bytes, list[float]]]:
        """Give ``audio`` as PCM16 16 kHz mono, slice by slice, each with the speech probabilities of its hops."""
        if audio_format != self._format:
            self._format, self._resampler = audio_format, Resampler(audio_format.rate_hz, EAR_RATE_HZ)
        step = audio_format.size(_SLICE_MS)
        for at in range(0, len(audio), step):
            pcm = self._resampler.push(g711.decode(audio[at : at + step], audio_format.encoding))
            yield pcm, self._detector.push(pcm)
