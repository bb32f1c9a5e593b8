"""How fast audio is sent: faster than it is played, but not all at once.

The service makes speech a few times faster than real time, so that someone who speaks up finds a response to interrupt.
A voice on this machine may be much faster than that.
"""

from __future__ import annotations

from typing import Final

#: Audio that is sent at once, so that short replies are not held back.
_HEAD_START_MS: Final = 3000
_TIMES_REAL_TIME: Final = 3


class Pace:
    """Holds one reply back."""

    def __init__(self) -> None:
        self._started: float | None = None
        self._sent_ms = 0.0

    def sent(self, duration_ms: float, now: float) -> float:
        """Note that ``duration_ms`` of audio was sent; give the seconds to wait before more is. ``now`` is in seconds."""
        if self._started is None:
            self._started = now
        self._sent_ms += duration_ms
        due_s = (self._sent_ms - _HEAD_START_MS) / _TIMES_REAL_TIME / 1000
        return max(self._started + due_s - now, 0.0)
