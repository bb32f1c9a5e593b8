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
        #: One per format: a client may append what it has, while the line carries something else.
        self._resamplers: dict[AudioFormat, Resampler] = {}

    def listen(self, audio: bytes, audio_format: AudioFormat) -> Iterator[tuple[bytes, list[float]]]:
        """Give ``audio`` as PCM16 16 kHz mono, slice by slice, each with the speech probabilities of its hops."""
        if audio_format not in self._resamplers:
            self._resamplers[audio_format] = Resampler(audio_format.rate_hz, EAR_RATE_HZ)
        resampler = self._resamplers[audio_format]
        step = audio_format.size(_SLICE_MS)
        for at in range(0, len(audio), step):
            pcm = resampler.push(g711.decode(audio[at : at + step], audio_format.encoding))
            yield pcm, self._detector.push(pcm)
