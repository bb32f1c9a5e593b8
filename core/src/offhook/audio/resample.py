"""From one sample rate to another, chunk by chunk: a polyphase windowed-sinc filter.

Output sample ``n`` stands at input time ``n / to_hz``. It is a weighted sum of the input around that time, so
it can be had ``_REACH`` samples of the slower rate later: 2.5 ms at 8 kHz, 0.8 ms at 24 kHz. That is all the
delay there is; nothing is held back to fill a block.

Going down, what lies above half the output rate would fold back into the speech; going up, copies of it would
appear above half the input rate. Both are taken out, by more than 70 dB from 0.55 of the slower rate up; what
lies below 0.4 of it stays as it is.

numpy does the arithmetic. It is imported when the first ``Resampler`` that needs it is made.
"""

from __future__ import annotations

from functools import lru_cache
from math import gcd
from typing import TYPE_CHECKING, Final

from attrs import frozen

from offhook.errors import AudioError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_REACH: Final = 20  # samples of the slower rate that the filter sees on either side
_CUTOFF: Final = 0.47  # where it is 6 dB down, as a fraction of the slower rate
_KAISER_BETA: Final = 8.0  # about 80 dB of stop band
_MIN_HZ: Final = 1_000
_MAX_HZ: Final = 384_000
#: Products computed at once, at 8 bytes each: a 20 ms frame at 24 kHz is one block, and an hour of audio takes
#: no more memory than that.
_BLOCK: Final = 32_768
#: Weights are whole numbers of 2^-24. Sums of them times 16-bit samples fit a double exactly, so the order of
#: summation makes no difference: any chunking gives the same bytes, whatever numpy's loops look like.
_SCALE: Final = 1 << 24


class Resampler:
    """Converts a stream of PCM16 mono (little endian) from ``from_hz`` to ``to_hz``, in samples per second.

    Chunks may have any size and may end in the middle of a sample. ``push`` and ``flush`` together give
    ``ceil(samples * to_hz / from_hz)`` samples, in step with the input. Equal rates pass through, and need no
    numpy. A rate below 1000 or above 384000 Hz raises ``AudioError``, and so does a missing numpy.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        for rate in (from_hz, to_hz):
            if not _MIN_HZ <= rate <= _MAX_HZ:
                raise AudioError(f"{rate} Hz is not a sample rate offhook converts. Use {_MIN_HZ} to {_MAX_HZ} Hz.")
        self._filter = None if from_hz == to_hz else _Filter(from_hz, to_hz)
        self._odd = b""  # the first byte of a sample whose second has not come yet

    def push(self, pcm: bytes) -> bytes:
        """What can be said of the output now that ``pcm`` has come; it may be empty."""
        data = self._odd + pcm
        whole = len(data) & ~1
        self._odd = data[whole:]
        return self._filter.push(data[:whole]) if self._filter else data[:whole]

    def flush(self) -> bytes:
        """The rest of the output, as if silence followed. The next push starts anew; half a sample is dropped."""
        self._odd = b""
        return self._filter.flush() if self._filter else b""


def resample(pcm: bytes, from_hz: int, to_hz: int) -> bytes:
    """All of ``pcm`` (PCM16 mono) at another rate: the bytes a :class:`Resampler` gives, with its errors."""
    resampler = Resampler(from_hz, to_hz)
    return resampler.push(pcm) + resampler.flush()


class _Filter:
    """The arithmetic of one stream. Time is in ticks, which divide the samples of both rates evenly."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        common = gcd(from_hz, to_hz)
        self._weights = _weights(to_hz // common, from_hz // common)
        self._start()

    def _start(self) -> None:
        self._past = _numpy().zeros(self._weights.before, "<i2")  # input that output still to come depends on
        self._tick = 0  # where the next output sample stands, from the input sample after the first ``before``

    def push(self, pcm: bytes) -> bytes:
        samples, step = _numpy().frombuffer(pcm, "<i2"), self._weights.block
        return b"".join([self._push(samples[at : at + step]) for at in range(0, len(samples), step)])

    def flush(self) -> bytes:
        rest = self.push(bytes(2 * self._weights.after))
        self._start()
        return rest

    def _push(self, samples: NDArray[np.int16]) -> bytes:
        np, weights = _numpy(), self._weights
        known = np.concatenate([self._past, samples])
        complete = len(known) - weights.before - weights.after
        ticks = np.arange(self._tick, complete * weights.up, weights.down)
        passed, self._tick = divmod(self._tick + len(ticks) * weights.down, weights.up)
        self._past = known[passed:].copy()  # a view would keep all of ``known`` alive
        return weights.apply(known, ticks) if len(ticks) else b""


@frozen(eq=False)
class _Weights:
    """The filter of one ratio of rates, shared by every stream that has it."""

    up: int  # ticks from one input sample to the next
    down: int  # ticks from one output sample to the next
    before: int  # input samples that count before the one that the output sample stands on or behind
    after: int  # and after it
    phases: NDArray[np.float64]  # a row of weights for each of the ``up`` ticks to stand on

    @property
    def block(self) -> int:
        """Input samples to take at once."""
        return max(1, _BLOCK // self.phases.shape[1] * self.down // self.up)

    def apply(self, samples: NDArray[np.int16], ticks: NDArray[np.int64]) -> bytes:
        np = _numpy()
        windows = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64), self.phases.shape[1])
        sums = np.einsum("ij,ij->i", windows[ticks // self.up], self.phases[ticks % self.up])
        return np.clip(np.rint(sums / _SCALE), -32_768, 32_767).astype("<i2").tobytes()


@lru_cache(maxsize=16)
def _weights(up: int, down: int) -> _Weights:
    np = _numpy()
    slower = max(up, down)  # ticks to a sample of the slower rate
    before, after = _REACH * slower // up, -(-_REACH * slower // up)
    ticks = np.arange(-before, after + 1) * up - np.arange(up)[:, np.newaxis]
    time = ticks / slower
    window = np.i0(_KAISER_BETA * np.sqrt(np.maximum(1 - (time / _REACH) ** 2, 0)))
    phases = np.where(np.abs(time) < _REACH, window * np.sinc(2 * _CUTOFF * time), 0)
    phases /= phases.sum(axis=1, keepdims=True)  # a constant stays that constant
    return _Weights(up, down, before, after, np.rint(phases * _SCALE))


def _numpy():  # noqa: ANN202 - only an inferred type lets the type checker see into the module
    try:
        import numpy as np  # noqa: PLC0415 - optional, and slow to import
    except ImportError as error:
        message = 'Converting a sample rate needs numpy, which is not installed. Run: pip install "offhook[audio]"'
        raise AudioError(message) from error
    return np
