"""The audio of an item: how long it is, what is said in it, and, for a while, its bytes."""

from __future__ import annotations

from collections import deque
from typing import Final

from attrs import define, field

from offhook.audio import g711
from offhook.audio.formats import AudioFormat
from offhook.audio.resample import resample

#: Bytes of audio a session keeps for ``conversation.item.retrieve``: the latest few minutes.
_KEPT_BYTES: Final = 8 * 1024 * 1024


@define(eq=False)
class Sound:
    """One audio part. ``words`` is what is said in it, also where the client was told no transcript."""

    format: AudioFormat
    words: str = ""
    size: int = 0  # bytes, also of what is no longer kept
    data: bytearray = field(factory=bytearray)

    @property
    def duration_ms(self) -> float:
        """How long it lasts, in milliseconds."""
        return self.format.duration_ms(self.size)

    def add(self, data: bytes) -> None:
        """Go on with ``data``, in ``format``."""
        self.data += data
        self.size += len(data)

    def cut(self, end_ms: int) -> None:
        """Forget what lies behind ``end_ms``, and about that share of the words."""
        share = end_ms / self.duration_ms if self.size else 0
        words = self.words.split()
        self.words = " ".join(words[: round(len(words) * share)])
        self.size = min(self.format.size(end_ms), self.size)
        del self.data[self.size :]

    def encoded(self, target: AudioFormat) -> bytes:
        """Give the bytes that are kept, in another format."""
        if target == self.format:
            return bytes(self.data)
        pcm = g711.decode(bytes(self.data), self.format.encoding)
        return g711.encode(resample(pcm, self.format.rate_hz, target.rate_hz), target.encoding)

    def forget(self) -> None:
        """Drop the bytes; all the rest stays."""
        self.data.clear()


class Recordings:
    """Keeps the bytes of the latest sounds, so that a long conversation does not grow without bound."""

    def __init__(self, kept_bytes: int = _KEPT_BYTES) -> None:
        self._kept_bytes = kept_bytes
        self._sounds: deque[tuple[Sound, int]] = deque()
        self._size = 0

    def keep(self, sound: Sound) -> None:
        """Keep a finished sound, and forget the oldest ones that there is no room for any more."""
        self._sounds.append((sound, len(sound.data)))
        self._size += len(sound.data)
        while self._size > self._kept_bytes:
            oldest, size = self._sounds.popleft()
            self._size -= size
            oldest.forget()
