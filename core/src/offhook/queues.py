"""The bounded queue between the receive loop and a reader that has its own pace (P9, P10)."""

from __future__ import annotations

import asyncio
from collections import deque

from offhook.errors import SlowConsumer
from offhook.events import Event

#: A service sends a minute of speech within seconds, and a reader that plays it takes the minute: room for two of them.
MAX_AUDIO_MS = 120_000.0
MAX_CONTROL_EVENTS = 4_096


class EventQueue:
    """Events in order, bounded: audio by duration (oldest dropped, and counted), all else by count.

    Too many control events end the queue with ``SlowConsumer``: losing one silently would be worse. ``put`` never blocks.
    """

    def __init__(self, *, max_audio_ms: float = MAX_AUDIO_MS, max_control_events: int = MAX_CONTROL_EVENTS) -> None:
        self.dropped_audio_ms = 0.0
        self._max_audio_ms = max_audio_ms
        self._max_control_events = max_control_events
        # Two lanes with one numbering, so that the oldest audio can go without touching what is between.
        self._audio: deque[tuple[int, Event, float]] = deque()
        self._control: deque[tuple[int, Event]] = deque()
        self._audio_ms = 0.0
        self._count = 0
        self._changed = asyncio.Event()
        self._ended = False
        self._overflowed = False

    def put(self, event: Event) -> None:
        """Append ``event``, dropping the oldest audio where there is too much of it."""
        if self._ended:
            return
        self._count += 1
        if audio_ms := event.audio_ms:
            self._audio.append((self._count, event, audio_ms))
            self._audio_ms += audio_ms
            while self._audio_ms > self._max_audio_ms and len(self._audio) > 1:
                self._drop_oldest_audio()
        elif len(self._control) >= self._max_control_events:
            self._overflowed = self._ended = True
        else:
            self._control.append((self._count, event))
        self._changed.set()

    @property
    def overflowed(self) -> bool:
        """Whether events were lost because too many waited."""
        return self._overflowed

    def get_nowait(self) -> Event | None:
        """Give the next event, if one is there."""
        audio, control = self._audio, self._control
        if audio and (not control or audio[0][0] < control[0][0]):
            _, event, audio_ms = audio.popleft()
            self._audio_ms -= audio_ms
            return event
        return control.popleft()[1] if control else None

    async def get(self) -> Event:
        """Give the next event. Raises ``StopAsyncIteration`` at the end, ``SlowConsumer`` after an overflow."""
        while (event := self.get_nowait()) is None:
            if self._overflowed:
                raise SlowConsumer(
                    f"more than {self._max_control_events} events waited to be read. "
                    "Read faster, or do the slow part in a task of its own."
                )
            if self._ended:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return event

    def end(self) -> None:
        """No more events: what is queued can still be read."""
        self._ended = True
        self._changed.set()

    def _drop_oldest_audio(self) -> None:
        dropped = self._audio.popleft()[2]
        self._audio_ms -= dropped
        self.dropped_audio_ms += dropped
