"""The input audio buffer, on the timeline of all audio the client ever wrote."""

from __future__ import annotations

from typing import Final

#: PCM16 mono at 16 kHz, as the voice's ears take it.
BYTES_PER_MS: Final = 32


class InputBuffer:
    """Holds what was not committed yet. Positions are milliseconds since the session's first sample."""

    def __init__(self) -> None:
        self._audio = bytearray()
        self._start = 0  # bytes before those in _audio

    @property
    def start_ms(self) -> int:
        """Where the audio in the buffer begins."""
        return self._start // BYTES_PER_MS

    @property
    def position_ms(self) -> int:
        """How much audio was written in all."""
        return (self._start + len(self._audio)) // BYTES_PER_MS

    @property
    def duration_ms(self) -> float:
        """How much audio is in the buffer."""
        return len(self._audio) / BYTES_PER_MS

    def write(self, pcm: bytes) -> None:
        """Add audio at the end."""
        self._audio += pcm

    def take(self, start_ms: int = 0, end_ms: int | None = None) -> bytes:
        """Take what lies between two positions (or to the end), and drop what lies before."""
        end = len(self._audio) if end_ms is None else self._index(end_ms)
        taken = bytes(self._audio[self._index(start_ms) : end])
        self._drop(end)
        return taken

    def trim(self, keep_from_ms: int) -> None:
        """Drop what lies before a position."""
        self._drop(self._index(keep_from_ms))

    def clear(self) -> None:
        """Drop everything."""
        self._drop(len(self._audio))

    def _index(self, position_ms: int) -> int:
        return min(max(position_ms * BYTES_PER_MS - self._start, 0), len(self._audio))

    def _drop(self, count: int) -> None:
        del self._audio[:count]
        self._start += count
