"""``idle_timeout_ms``: how long the assistant waits for someone to speak before it speaks again."""

from __future__ import annotations

from collections.abc import Callable

from offhook_emulator.model.session import Session


class IdleTimer:
    """Runs from the moment when the last response has been played, until someone speaks. Times in seconds."""

    def __init__(self, session: Session, clock: Callable[[], float]) -> None:
        self._session = session
        self._clock = clock
        self._played_until = 0.0
        self.deadline: float | None = None

    @property
    def timeout_ms(self) -> int | None:
        """The timeout that the session asks for, if any."""
        return (self._session.turn_detection or {}).get("idle_timeout_ms")

    def note_audio(self, duration_ms: float) -> None:
        """Note that the client was sent more audio, which it plays after what it has already."""
        self._played_until = max(self._played_until, self._clock()) + duration_ms / 1000

    def start(self) -> None:
        """Start waiting: a response is over."""
        if self.timeout_ms is not None:
            self.deadline = max(self._played_until, self._clock()) + self.timeout_ms / 1000

    def stop(self, *, playback: bool = False) -> None:
        """Stop waiting. With ``playback``, the client stops playing as well."""
        self.deadline = None
        if playback:
            self._played_until = 0.0
