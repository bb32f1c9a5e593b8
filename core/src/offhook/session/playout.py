"""How much of the assistant's speech is still to be heard.

Three ways to know, the better ones first: whoever plays the audio reports it, the service tells when it is audible, or a
loudspeaker is assumed that plays what arrives, in order and without pause. Times are seconds of the event loop's clock.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import define, field

from offhook.events import AudioEvent, Event
from offhook.session.conversation import Conversation

#: Turns whose speech is queued: a loudspeaker that stopped reporting must not make this grow for ever (P10).
_MAX_TURNS: Final = 64
#: Less than a sample of any format: sums of fractions do not end at nought.
_NOTHING_MS: Final = 0.001
#: How far a loudspeaker that reports may be behind; one that is later than this reports no more.
_PATIENCE_S: Final = 5.0


@define
class _Speech:
    """The speech of one turn in front of the loudspeaker, in ms."""

    turn_id: str | None
    left_ms: float = 0.0
    begun: bool = False


@define(eq=False)
class Playout:
    """Hears what is received, what is reported, and what is told to be audible."""

    conversation: Conversation
    #: Told when the first audio of a turn is received, and when it is heard; with the turn's id, where it has one.
    received: Callable[[str | None], None] = field(init=False, default=lambda _: None)
    heard: Callable[[str | None], None] = field(init=False, default=lambda _: None)
    _queue: deque[_Speech] = field(init=False, factory=lambda: deque[_Speech](maxlen=_MAX_TURNS))
    _reported: bool = field(init=False, default=False)
    #: The service says that it is audible.
    _audible: bool = field(init=False, default=False)
    #: When the assumed loudspeaker has played all.
    _until: float = field(init=False, default=0.0)
    _news: asyncio.Event = field(init=False, factory=asyncio.Event)
    _now: Callable[[], float] = field(init=False, factory=lambda: asyncio.get_running_loop().time)

    @property
    def told(self) -> bool:
        """Whether the service tells when it is audible: then audio that arrives says nothing about that."""
        return "output" in self.conversation.transport.capabilities.speech_events

    @property
    def speaking(self) -> bool:
        """Whether the assistant is heard, or something of it is still to be."""
        if self.told:
            return self._audible
        return self._now() < self._latest and not (self._reported and not self._queue)

    async def silence(self) -> None:
        """Return when the assistant has been heard to its end, or was cut short."""
        while self.speaking:
            self._news.clear()
            wait = None if self.told else self._latest - self._now()
            try:
                async with asyncio.timeout(wait):
                    await self._news.wait()
            except TimeoutError:
                pass

    def played(self, ms: float) -> None:
        """``ms`` more were played, of what there is, in order."""
        self._reported = True
        while self._queue and ms > 0:
            speech = self._queue[0]
            if not speech.begun:
                speech.begun = True
                self.heard(speech.turn_id)
            step = min(ms, speech.left_ms)
            speech.left_ms -= step
            ms -= step
            if speech.left_ms > _NOTHING_MS:
                break
            self._queue.popleft()
        self._news.set()

    @property
    def _latest(self) -> float:
        """When all must have been played."""
        return self._until + (_PATIENCE_S if self._reported and self._queue else 0.0)

    def hears(self) -> Mapping[str, Callable[[Any], None]]:
        """Give what is to be heard of the transport; audio before anyone may report that it was played."""
        return {
            "audio_interrupted": self.audio_interrupted,
            "output_speech_started": self.output_speech_started,
            "output_speech_stopped": self.output_speech_stopped,
        }

    # Events.

    def audio(self, event: AudioEvent) -> None:
        """Audio was received, and is about to be told."""
        now, queue = self._now(), self._queue
        if now >= self._until:
            if now >= self._latest:
                queue.clear()
            self._until = now
        if not queue or queue[-1].turn_id != event.turn_id:
            if self.told:
                return
            queue.append(_Speech(event.turn_id))
            self.received(event.turn_id)
        queue[-1].left_ms += event.audio_ms
        self._until += event.audio_ms / 1000

    def audio_interrupted(self, _: Event) -> None:
        """All of it was flushed."""
        self._queue.clear()
        self._until = 0.0
        self._audible = False
        self._news.set()

    def output_speech_started(self, _: Event) -> None:
        """The service is audible."""
        self._audible = True

    def output_speech_stopped(self, _: Event) -> None:
        """It fell silent."""
        self._audible = False
        self._news.set()
