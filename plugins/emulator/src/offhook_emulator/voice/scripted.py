"""A voice without models or dependencies, for tests: it speaks in tones and reads its own tones back.

Text becomes bytes, a byte two tones of 30 ms (each one of 16 frequencies), after a start tone that is none of
them. All are at most 3 kHz and only their zero crossings count, so that the text survives resampling, G.711 and
changes of volume. It sounds like a modem, and lasts as long as speech: 60 ms per letter.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Final

from offhook_emulator.voice.protocols import (
    EAR_RATE_HZ,
    MOUTH_RATE_HZ,
    SpeechToText,
    TextToSpeech,
    VoiceActivityDetector,
)

_SLOT_MS: Final = 30
#: All frequencies have whole periods in a slot, so tones follow each other without a click.
_LOWEST_HZ: Final = 600.0
_STEP_HZ: Final = 400 / 3
_START_HZ: Final = 3000.0
_START: Final = round((_START_HZ - _LOWEST_HZ) / _STEP_HZ)
_START_SLOTS: Final = 2
_LOUD: Final = 12_000
#: Samples quieter than that are silence.
_QUIET: Final = 500
#: Text is read in windows of 5 ms.
_WINDOW: Final = EAR_RATE_HZ // 200
_WINDOWS_PER_SLOT: Final = _SLOT_MS // 5
#: So many start windows in a row are no accident of speech.
_START_WINDOWS: Final = 8
_HALF_BYTE: Final = range(16)
#: A distance needs two.
_ENDS: Final = 2
#: Loud, and no tone.
_NO_TONE: Final = -1

#: What a window holds: the number of a tone, or None for silence.
_Heard = int | None


class ScriptedVoice:
    """Hears loudness, speaks tones, understands its own tones.

    Any other loud audio (a recording, say) is taken for the next of ``transcripts`` or, when none is left, for
    ``otherwise``. Silence is the empty text.
    """

    def __init__(self, transcripts: Iterable[str] = (), *, otherwise: str = "What is the weather in Paris?") -> None:
        self.speech_to_text: SpeechToText = ScriptedTranscriber(transcripts, otherwise)
        self.text_to_speech: TextToSpeech = ScriptedSpeaker()

    def detector(self) -> VoiceActivityDetector:
        """Give a new detector, for one session."""
        return LoudnessDetector()

    async def warm_up(self) -> None:
        """Do nothing: there is nothing to load."""

    def close(self) -> None:
        """Do nothing: there is nothing to release."""


class LoudnessDetector:
    """Takes whatever is loud for speech: probability 1 or 0, per 20 ms."""

    hop_ms = 20

    def __init__(self) -> None:
        self._hop_bytes = EAR_RATE_HZ * self.hop_ms // 1000 * 2
        self._pending = b""

    def push(self, pcm: bytes) -> list[float]:
        """Take PCM16 16 kHz mono of any length; give one speech probability per completed hop."""
        audio = self._pending + pcm
        whole = len(audio) // self._hop_bytes * self._hop_bytes
        self._pending = audio[whole:]
        return [float(_is_loud(_samples(audio[at : at + self._hop_bytes]))) for at in range(0, whole, self._hop_bytes)]


class ScriptedTranscriber:
    """Reads tones back; has the rest told."""

    def __init__(self, transcripts: Iterable[str], otherwise: str) -> None:
        self._transcripts = iter(transcripts)
        self._otherwise = otherwise

    async def transcribe(self, pcm: bytes) -> str:
        """Give the text that the tones in ``pcm`` (PCM16 16 kHz mono) carry, or the next scripted one."""
        samples = _samples(pcm)
        if texts := [text for text in decode(samples) if text]:
            return " ".join(texts)
        return next(self._transcripts, self._otherwise) if _is_loud(samples) else ""


class ScriptedSpeaker:
    """Turns text into tones."""

    async def speak(self, text: str, **_style: object) -> AsyncIterator[bytes]:
        """Say ``text``: PCM16 24 kHz mono, a letter at a time. Voice and speed change nothing."""
        if data := text.strip().encode():
            yield _tone(_START) * _START_SLOTS
        for byte in data:
            yield _tone(byte >> 4) + _tone(byte & 15)


def decode(samples: Sequence[int]) -> list[str]:
    """Give each text that the tones in 16 kHz ``samples`` carry. Letters that were cut off are left out."""
    heard = [_heard(samples[at : at + _WINDOW]) for at in range(0, len(samples) - _WINDOW + 1, _WINDOW)]
    return [_text(heard, start) for start in _starts(heard)]


def _starts(heard: Sequence[_Heard]) -> Iterator[int]:
    """Find where start tones end: the index of the first window after each."""
    run = 0
    for at, tone in enumerate(heard):
        if tone != _START and run >= _START_WINDOWS:
            yield at
        run = run + 1 if tone == _START else 0


def _text(heard: Sequence[_Heard], start: int) -> str:
    half_bytes = list[int]()
    # Windows and slots need not begin together, so the first of a slot may hold two tones: look at the middle.
    for at in range(start + _WINDOWS_PER_SLOT // 2 - 1, len(heard), _WINDOWS_PER_SLOT):
        tone = heard[at]
        if tone is None or tone not in _HALF_BYTE:
            break
        half_bytes.append(tone)
    pairs = zip(half_bytes[::2], half_bytes[1::2], strict=False)
    return bytes(high << 4 | low for high, low in pairs).decode("utf-8", "ignore")


def _heard(window: Sequence[int]) -> _Heard:
    """Tell which tone a window of 16 kHz samples holds, by the time between its outermost zero crossings."""
    if not _is_loud(window):
        return None
    crossings = [
        at + before / (before - after)
        for at, (before, after) in enumerate(pairwise(window))
        if before < 0 <= after or after < 0 <= before
    ]
    if len(crossings) < _ENDS:
        return _NO_TONE
    hz = (len(crossings) - 1) / 2 * EAR_RATE_HZ / (crossings[-1] - crossings[0])
    return round((hz - _LOWEST_HZ) / _STEP_HZ)


def _is_loud(samples: Sequence[int]) -> bool:
    return len(samples) > 0 and (max(samples) > _QUIET or min(samples) < -_QUIET)


@cache
def _tone(number: int) -> bytes:
    step = 2 * math.pi * (_LOWEST_HZ + number * _STEP_HZ) / MOUTH_RATE_HZ
    return array("h", (round(_LOUD * math.sin(step * at)) for at in range(MOUTH_RATE_HZ * _SLOT_MS // 1000))).tobytes()


def _samples(pcm: bytes) -> array[int]:
    return array("h", pcm[: len(pcm) // 2 * 2])
