"""Holding audio back: nobody hears it before the words up to it were checked, or its time is up.

It stands between a session's parts and its listeners. What is told about the speech (its end, the turn's end) keeps its
place behind the audio; all else overtakes it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from attrs import define, field, frozen

from offhook.events import AudioEvent, AudioInterrupted, ConnectionChange, Event
from offhook.session.events import AudioStart
from offhook.session.guardrails import Claim

#: What keeps its place behind the audio.
_FOLLOWS: Final = frozenset(
    {"audio_done", "audio_stopped", "output_speech_started", "output_speech_stopped"}
    | {"turn_started", "turn_done", "agent_start", "agent_end"}
)


@frozen
class _Held:
    """Events that wait, and what for; without a claim only for those before."""

    events: tuple[Event, ...]
    claim: Claim | None = None
    due: float = 0.0


@define(eq=False)
class HoldBack:
    """A queue in front of the listeners, empty most of the time. ``wait_s`` bounds how long a piece of audio is in it."""

    _tell: Callable[[Event], None]
    _claim: Callable[[AudioEvent], Claim]
    _wait_s: float
    _queue: deque[_Held] = field(init=False, factory=deque[_Held])
    #: That audio starts is told with the first piece, if that is let through.
    _start: tuple[Event, ...] = field(init=False, default=())
    _timer: asyncio.TimerHandle | None = field(init=False, default=None)

    def tell(self, event: Event) -> None:
        """Tell the listeners, now or in its turn."""
        match event:
            case AudioEvent():
                due = asyncio.get_running_loop().time() + self._wait_s
                self._put(_Held((*self._take_start(), event), self._claim(event), due))
            case AudioStart():
                self._start = (event,)
            case AudioInterrupted() | ConnectionChange():
                self._drop_audio()
                self._tell(event)
            case _ if event.hook in _FOLLOWS:
                self._put(_Held((*self._take_start(), event)))
            case _:
                self._tell(event)

    def release(self) -> None:
        """Tell what need not wait any longer, and leave out what must not be heard."""
        now = asyncio.get_running_loop().time()
        while self._queue and self._is_ready(self._queue[0], now):
            held = self._queue.popleft()
            if held.claim is None or not held.claim.blocked:
                self._tell_all(held)
        self._wait()

    def _put(self, held: _Held) -> None:
        self._queue.append(held)
        if self._queue[0] is held:
            self.release()

    def _is_ready(self, held: _Held, now: float) -> bool:
        claim = held.claim
        return claim is None or claim.blocked or claim.cleared or held.due <= now

    def _wait(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(self._queue[0].due, self.release) if self._queue else None

    def _drop_audio(self) -> None:
        """What waits will never be heard. That it ended is told all the same."""
        waiting, self._queue, self._start = self._queue, deque[_Held](), ()
        self._wait()
        for held in waiting:
            if held.claim is None:
                self._tell_all(held)

    def _take_start(self) -> tuple[Event, ...]:
        start, self._start = self._start, ()
        return start

    def _tell_all(self, held: _Held) -> None:
        for event in held.events:
            self._tell(event)
