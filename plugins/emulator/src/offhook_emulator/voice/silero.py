"""Voice activity detection by Silero v6: one shared model, and a little memory per session."""

from __future__ import annotations

from typing import Final

import numpy as np

from offhook_emulator.voice.onnx import Floats, Session, floats
from offhook_emulator.voice.protocols import EAR_RATE_HZ

#: Samples per hop; the model refuses other lengths.
_HOP: Final = 512
_HOP_BYTES: Final = _HOP * 2
#: Samples of the preceding hop that the model wants to see again.
_CONTEXT: Final = 64


class SileroDetector:
    """Speech probability per 32 ms. Costs about 0.1 ms per hop, so it may run on the event loop."""

    def __init__(self, session: Session) -> None:
        self.hop_ms = _HOP * 1000 // EAR_RATE_HZ
        self._session = session
        self._rate = np.array(EAR_RATE_HZ, np.int64)
        self._state: Floats = np.zeros((2, 1, 128), np.float32)
        self._context: Floats = np.zeros(_CONTEXT, np.float32)
        self._pending = b""

    def push(self, pcm: bytes) -> list[float]:
        """Take PCM16 16 kHz mono of any length; give one speech probability (0 to 1) per completed hop."""
        audio = self._pending + pcm
        whole = len(audio) // _HOP_BYTES * _HOP_BYTES
        self._pending = audio[whole:]
        return [self._probability(hop) for hop in floats(audio[:whole]).reshape(-1, _HOP)]

    def _probability(self, hop: Floats) -> float:
        window = np.concatenate([self._context, hop])[None]
        output, self._state = self._session.run(None, {"input": window, "state": self._state, "sr": self._rate})
        self._context = hop[-_CONTEXT:]
        return float(output[0, 0])
