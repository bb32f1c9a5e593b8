"""Between an audio device, which lives in a thread, and the event loop: two small bounded queues.

A device's thread never waits for the loop, and the loop never for the device: what is too much is dropped, oldest first,
and counted.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from threading import Lock
from typing import Final, Protocol

from offhook._threads import run_in_thread
from offhook.audio.formats import AudioFormat
from offhook.audio.frames import Framer

#: A reader that falls this far behind is brought back to the present: old speech answers nobody.
_MAX_FRAMES: Final = 5
_KEPT_FRAMES: Final = 2


class Stream(Protocol):
    """What a backend has opened."""

    def close(self) -> None:
        """Stop and let go of the device; idempotent, may block for a moment."""
        ...


class Microphone(AsyncIterator[bytes]):
    """Frames of PCM16 mono, as they are recorded. Iteration ends when it is closed.

    ``dropped_ms`` counts what was recorded and never read, because the reader was too slow.
    """

    def __init__(self, *, rate_hz: int, frame_ms: int) -> None:
        self.rate_hz = rate_hz
        self.frame_ms = frame_ms
        self.dropped_ms = 0.0
        self._framer = Framer(AudioFormat("audio/pcm", rate_hz).size(frame_ms))
        self._frames: deque[bytes] = deque()
        self._lock = Lock()
        self._bell = _Bell(self._ring)
        self._arrived = asyncio.Event()
        self._stream: Stream | None = None
        self._closed = False

    def attach(self, stream: Stream) -> None:
        """Own the backend's stream. For ``AudioDevices``."""
        self._stream = stream

    def deliver(self, pcm: bytes) -> None:
        """Take what was recorded. Called in the device's thread."""
        with self._lock:
            frames = self._framer.push(pcm)
            self._frames += frames
            if len(self._frames) > _MAX_FRAMES:
                while len(self._frames) > _KEPT_FRAMES:
                    self._frames.popleft()
                    self.dropped_ms += self.frame_ms
        if frames:
            self._bell.ring()

    async def __anext__(self) -> bytes:
        while not self._closed:
            with self._lock:
                if self._frames:
                    return self._frames.popleft()
                self._arrived.clear()
            await self._arrived.wait()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Stop recording, and let go of the device. Idempotent."""
        self._closed = True
        self._arrived.set()
        self._bell.silence()
        stream, self._stream = self._stream, None
        if stream is not None:
            await run_in_thread(stream.close, name="offhook audio device")

    def _ring(self) -> None:
        self._arrived.set()


class Speaker:
    """Plays PCM16 mono in the order it was written, and silence where there is nothing.

    ``dropped_ms`` counts what was thrown away because too much was waiting.
    """

    def __init__(self, *, rate_hz: int, max_queued_ms: float, on_played: Callable[[float], None] | None = None) -> None:
        self.rate_hz = rate_hz
        self.dropped_ms = 0.0
        self._format = AudioFormat("audio/pcm", rate_hz)
        self._max_bytes = self._format.size(max_queued_ms)
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._played = 0
        self._told = 0
        self._on_played = on_played
        self._lock = Lock()
        self._bell = _Bell(self._tell)
        self._stream: Stream | None = None

    @property
    def queued_ms(self) -> float:
        """Milliseconds that wait to be played."""
        return self._format.duration_ms(self._queued)

    @property
    def played_ms(self) -> float:
        """Milliseconds that were handed to the device since it was opened, silence not counted."""
        return self._format.duration_ms(self._played)

    def attach(self, stream: Stream) -> None:
        """Own the backend's stream. For ``AudioDevices``."""
        self._stream = stream

    def write(self, pcm: bytes) -> None:
        """Queue ``pcm``, at most half a sample of which is lost. Never waits."""
        whole = pcm[: len(pcm) & ~1]
        with self._lock:
            self._queue.append(whole)
            self._queued += len(whole)
            while self._queued > self._max_bytes and len(self._queue) > 1:
                self.dropped_ms += self._format.duration_ms(self._drop())

    def flush(self) -> float:
        """Throw away what waits, for the user interrupted; gives its milliseconds."""
        with self._lock:
            flushed = self._queued
            self._queue.clear()
            self._queued = 0
        return self._format.duration_ms(flushed)

    def fill(self, size: int) -> bytes:
        """Give the next ``size`` bytes to play. Called in the device's thread."""
        parts: list[bytes] = []
        missing = size
        with self._lock:
            while missing and self._queue:
                head = self._queue.popleft()
                if len(head) > missing:
                    self._queue.appendleft(head[missing:])
                    head = head[:missing]
                parts.append(head)
                missing -= len(head)
            played = size - missing
            self._queued -= played
            self._played += played
        if played and self._on_played is not None:
            self._bell.ring()
        return b"".join(parts) + bytes(missing)

    async def aclose(self) -> None:
        """Stop playing, whatever waits, and let go of the device. Idempotent."""
        self._bell.silence()
        stream, self._stream = self._stream, None
        if stream is not None:
            await run_in_thread(stream.close, name="offhook audio device")

    def _drop(self) -> int:
        dropped = len(self._queue.popleft())
        self._queued -= dropped
        return dropped

    def _tell(self) -> None:
        played, self._told = self._played - self._told, self._played
        if played and self._on_played is not None:
            self._on_played(self._format.duration_ms(played))


class _Bell:
    """Calls a function in the event loop from another thread, once for however many rings went unheard."""

    def __init__(self, answer: Callable[[], None]) -> None:
        self._answer = answer
        self._loop = asyncio.get_running_loop()
        self._rung = False
        self._silent = False

    def ring(self) -> None:
        if self._rung or self._silent:
            return
        self._rung = True
        # The loop may be closed by now: nobody listens any more.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._hear)

    def silence(self) -> None:
        self._silent = True

    def _hear(self) -> None:
        self._rung = False
        if not self._silent:
            self._answer()
