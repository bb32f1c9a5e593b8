"""Text to speech by hibari: one voice, spoken phrase by phrase."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from importlib import import_module
from typing import Final, Protocol, cast

import numpy as np

from offhook_emulator.voice.lazy import Lazy
from offhook_emulator.voice.models import HIBARI_SPELLING, HIBARI_VOICE, missing
from offhook_emulator.voice.onnx import Floats
from offhook_emulator.voice.phrasing import phrases
from offhook_emulator.voice.protocols import MOUTH_RATE_HZ

#: The wheel holds one voice, "heart". So that the service's voices can still be told apart, each has its own
#: pace; a name that is not here speaks at the model's.
_PACE: Final = {
    "alloy": 1.0,
    "ash": 0.96,
    "ballad": 0.94,
    "cedar": 0.97,
    "coral": 1.04,
    "echo": 1.02,
    "fable": 0.98,
    "marin": 1.0,
    "nova": 1.05,
    "onyx": 0.93,
    "sage": 0.95,
    "shimmer": 1.06,
    "verse": 1.03,
}
#: What the model was made for.
_SLOWEST: Final = 0.5
_FASTEST: Final = 2.0
#: Below this share of a phrase's peak there is no speech.
_SILENCE: Final = 0.02
#: The model puts 0.3 s of silence before and 0.5 s after all it says: too late a start, too long a pause.
_LEAD_MS: Final = 30
_SENTENCE_PAUSE_MS: Final = 300
_CLAUSE_PAUSE_MS: Final = 100
_SENTENCE_ENDS: Final = ".!?…\"”\u2019')]"


class _Engine(Protocol):
    def __call__(self, text: str, speed: float = 1.0, seed: int | None = None) -> Floats: ...


class HibariSpeaker:
    """Says things, in the threads of ``pool``; about 15 ms to the first audio of a short sentence."""

    def __init__(self, pool: Executor) -> None:
        self._pool = pool
        self._engine = Lazy(_load)

    async def speak(self, text: str, *, voice: str = "marin", speed: float = 1.0) -> AsyncIterator[bytes]:
        """Say ``text``, a phrase at a time: PCM16 24 kHz mono. Voices differ in their pace only.

        The next phrase is made when it is asked for; closing the iterator stops after the current one.
        Raises OffhookError where the model is missing or damaged.
        """
        loop = asyncio.get_running_loop()
        pace = min(max(speed * _PACE.get(voice, 1.0), _SLOWEST), _FASTEST)
        for phrase in phrases(text):
            if pcm := await loop.run_in_executor(self._pool, self._say, phrase, pace):
                yield pcm

    def warm_up(self) -> None:
        """Load the model and pay for the slow first call (not for the event loop)."""
        # A word that is in no dictionary loads the reader of unknown words, too.
        self._say("Warming up, Offhookia.", 1.0)

    def _say(self, phrase: str, pace: float) -> bytes:
        # The seed makes the same text the same audio, each time.
        audio = self._engine.get()(phrase, speed=pace, seed=0)
        pause_ms = _SENTENCE_PAUSE_MS if phrase[-1] in _SENTENCE_ENDS else _CLAUSE_PAUSE_MS
        return (np.clip(trim(audio, pause_ms), -1, 1) * 32767).astype("<i2").tobytes()


def trim(audio: Floats, pause_ms: int) -> Floats:
    """Leave 30 ms of silence before the speech and ``pause_ms`` after it; silence alone becomes nothing."""
    loudness = np.abs(audio)
    loud = np.flatnonzero(loudness > _SILENCE * loudness.max(initial=0))
    if not len(loud):
        return audio[:0]
    start = max(int(loud[0]) - _LEAD_MS * MOUTH_RATE_HZ // 1000, 0)
    return audio[start : int(loud[-1]) + pause_ms * MOUTH_RATE_HZ // 1000]


def _load() -> _Engine:
    HIBARI_SPELLING.verified()
    path = HIBARI_VOICE.verified()
    try:
        hibari = import_module("hibari")
    except ImportError as error:
        raise missing("hibari") from error
    return cast(_Engine, hibari.Hibari(model=str(path), threads=1))
