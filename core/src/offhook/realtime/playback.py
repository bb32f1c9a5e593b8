"""What of the assistant's speech has been heard (P6).

Audio arrives faster than it is played, so what was heard lags behind what was received. The sink that plays it reports
with ``played``: exact, and the only thing believed from then on. Until a sink reports, a speaker is assumed that plays
what arrives, in order, without pause, from the moment it arrives: an estimate, but one that knows about queues and gaps.
It is made when somebody asks, and not while audio arrives: a first report must not come on top of it, and what is done for
each piece of audio is felt.
"""

from __future__ import annotations

from collections import deque

from attrs import define, field, frozen


@frozen
class Truncation:
    """How much of one content part was heard, and how much was received, in whole ms; never more than that."""

    item_id: str
    content_index: int
    audio_end_ms: int
    received_ms: int


@define
class _Part:
    """Audio of one content part: received so far, and played so far, in ms."""

    item_id: str
    content_index: int
    received_ms: float = 0.0
    played_ms: float = 0.0
    done: bool = False

    @property
    def unplayed_ms(self) -> float:
        return self.received_ms - self.played_ms

    @property
    def over(self) -> bool:
        # Sums of fractions of a millisecond do not end at nought.
        return self.done and self.unplayed_ms < _NOTHING_MS

    @property
    def cut(self) -> bool:
        """Whether less was heard than there is, as the API counts: in whole milliseconds."""
        return self.received_ms > 0 and not (self.done and self.unplayed_ms < 1)


#: Less than a sample of any format.
_NOTHING_MS = 0.001
#: A sink that stopped reporting must not make this grow for ever (P10).
_MAX_PARTS = 64


@define
class Playback:
    """The queue in front of the loudspeaker, in milliseconds instead of bytes. Time (``now``, seconds) is passed in."""

    _parts: deque[_Part] = field(init=False, factory=lambda: deque(maxlen=_MAX_PARTS))
    _reported: bool = field(init=False, default=False)
    #: When the assumed speaker will have played all there is, in ms.
    _until_ms: float = field(init=False, default=0.0)

    def received(self, item_id: str, content_index: int, ms: float, now: float) -> None:
        """Queue ``ms`` of audio of this part."""
        now_ms, parts = now * 1000, self._parts
        self._until_ms = (max(self._until_ms, now_ms)) + ms
        part = parts[-1] if parts else None
        if part is None or part.item_id != item_id or part.content_index != content_index:
            part = self._find(item_id, content_index) or self._begin(item_id, content_index)
        part.received_ms += ms

    def finished(self, item_id: str | None) -> None:
        """No more audio of this item will come; what is queued still plays."""
        for part in self._parts:
            if part.item_id == item_id:
                part.done = True
        self._drop_finished()

    def played(self, ms: float) -> None:
        """The sink played ``ms`` more of what it was given, in order."""
        self._reported = True
        self._play(ms)

    def playing(self, now: float) -> bool:
        """Whether anything is still to be heard, or may yet arrive."""
        self._assume(now)
        return bool(self._parts)

    def interrupt(self, now: float, heard_ms: int | None = None) -> list[Truncation]:
        """Stop: say of each part that was not heard to its end how much of it was, and forget them all.

        ``heard_ms`` beats the position of the part that plays.
        """
        self._assume(now)
        parts = list(self._parts)
        self._parts.clear()
        self._until_ms = now * 1000
        if parts and heard_ms is not None:
            parts[0].played_ms = max(0.0, min(float(heard_ms), parts[0].received_ms))
        return [
            Truncation(
                part.item_id, part.content_index, int(min(part.played_ms, part.received_ms)), int(part.received_ms)
            )
            for part in parts
            if part.cut
        ]

    def _assume(self, now: float) -> None:
        """Let the assumed speaker have played up to ``now``; a sink that reports needs no assumption."""
        if not self._reported:
            unplayed_ms = sum(part.unplayed_ms for part in self._parts)
            self._play(unplayed_ms - max(0.0, self._until_ms - now * 1000))

    def _play(self, ms: float) -> None:
        for part in self._parts:
            if ms <= 0:
                break
            step = min(ms, part.unplayed_ms)
            part.played_ms += step
            ms -= step
        self._drop_finished()

    def _drop_finished(self) -> None:
        while self._parts and self._parts[0].over:
            self._parts.popleft()

    def _find(self, item_id: str, content_index: int) -> _Part | None:
        return next((p for p in self._parts if p.item_id == item_id and p.content_index == content_index), None)

    def _begin(self, item_id: str, content_index: int) -> _Part:
        # The service sends parts one after the other: the one before has all its audio.
        if self._parts:
            self._parts[-1].done = True
        part = _Part(item_id, content_index)
        self._parts.append(part)
        return part
