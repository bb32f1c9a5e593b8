"""How loud sound is: of a piece of it, and of one side of a conversation, as a meter shows it."""

from __future__ import annotations

import math
import sys
import time
from array import array
from collections.abc import Callable
from typing import Final

#: What a meter shows of silence, in decibels below full scale.
FLOOR_DB: Final = -60.0
#: How fast a meter goes down, in decibels per second: slowly enough to be read.
_FALL_DB: Final = 40.0
_FULL_SCALE: Final = 32_768


def rms(pcm: bytes) -> float:
    """Give the root mean square of PCM16, from 0 to 32768; that of nothing is 0. Half a sample at the end is left out."""
    samples = array("h", pcm[: len(pcm) & ~1])
    if sys.byteorder == "big":
        samples.byteswap()
    return math.sqrt(sum(sample * sample for sample in samples) / len(samples)) if samples else 0.0


class Level:
    """One side's meter: it jumps up and sinks slowly. Heard in a device's thread, read in any other.

    ``clock`` gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # One tuple, so that a reader in another thread sees both halves of the same moment.
        self._peak = (FLOOR_DB, clock())

    def hear(self, pcm: bytes) -> None:
        """Take what is recorded or played now, as PCM16."""
        loudness = 20 * math.log10(max(rms(pcm), 1.0) / _FULL_SCALE)
        if loudness >= self.decibels:
            self._peak = (loudness, self._clock())

    @property
    def decibels(self) -> float:
        """How loud it is now, in decibels below full scale: from ``FLOOR_DB`` to 0."""
        peak, at = self._peak
        return max(FLOOR_DB, peak - _FALL_DB * (self._clock() - at))
